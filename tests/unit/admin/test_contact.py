"""The switch for all contact with upstreams, as the operator's programs use it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mirror.admin.contact import contact_routes
from mirror.pull.freezing import Freezing
from mirror.store.freeze import LONGEST_REASON
from mirror.upstream.contact import Contact
from tests.support.caches import store_at
from tests.support.clock import Clock
from tests.support.operator import Operator, operating

THAWED = {"frozen": False, "since": None, "reason": None}
SINCE = "2027-01-15T08:00:00+00:00"


@asynccontextmanager
async def switch(root: Path) -> AsyncIterator[tuple[Operator, Contact]]:
    async with store_at(root) as store:
        contact = Contact()
        freezing = Freezing(contact, store, Clock(1_800_000_000.0))
        await freezing.resume()
        async with operating(contact_routes(freezing)) as operator:
            yield operator, contact


async def test_it_is_switched_and_looked_at(tmp_path: Path) -> None:
    async with switch(tmp_path) as (operator, contact):
        assert (await operator.get("/api/v1/state")).document == THAWED
        frozen = {"frozen": True, "since": SINCE, "reason": "maintenance"}
        said = await operator.post("/api/v1/freeze", {"reason": "maintenance"})
        assert (said.status, said.document, contact.frozen) == (200, frozen, True)
        assert (await operator.get("/api/v1/state")).document == frozen
        said = await operator.post("/api/v1/thaw")
        assert (said.status, said.document, contact.frozen) == (200, THAWED, False)


@pytest.mark.parametrize("document", [None, {}, {"reason": ""}])
async def test_no_reason_has_to_be_given(tmp_path: Path, document: object) -> None:
    async with switch(tmp_path) as (operator, _):
        said = await operator.post("/api/v1/freeze", document)
        assert said.document == {"frozen": True, "since": SINCE, "reason": None}


@pytest.mark.parametrize(
    "document",
    [
        {"reason": 3},
        {"reason": None},
        {"reason": "a\nb"},
        {"reason": "\x1b[31m"},
        {"reason": "x" * (LONGEST_REASON + 1)},
        {"reason": "x", "more": 1},
        {"why": "x"},
    ],
)
async def test_a_reason_that_is_none_changes_nothing(tmp_path: Path, document: object) -> None:
    async with switch(tmp_path) as (operator, contact):
        said = await operator.post("/api/v1/freeze", document)
        assert (said.status, set(said.document), contact.frozen) == (400, {"error"}, False)


async def test_what_cannot_be_understood_does_not_thaw(tmp_path: Path) -> None:
    async with switch(tmp_path) as (operator, contact):
        await operator.post("/api/v1/freeze")
        assert (await operator.post("/api/v1/thaw", {"reason": "x"})).status == 400
        assert contact.frozen


@pytest.mark.parametrize("path", ["/api/v1/freeze", "/api/v1/thaw"])
async def test_looking_never_switches(tmp_path: Path, path: str) -> None:
    async with switch(tmp_path) as (operator, contact):
        assert (await operator.get(path)).status == 405
        assert not contact.frozen


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.test"}, {"Origin": "null"}, {"Host": "evil.test"}])
async def test_a_page_in_the_operators_browser_switches_nothing(tmp_path: Path, headers: dict[str, str]) -> None:
    async with switch(tmp_path) as (operator, contact):
        assert (await operator.post("/api/v1/freeze", {"reason": "x"}, **headers)).status == 403
        await operator.post("/api/v1/freeze")
        assert (await operator.post("/api/v1/thaw", **headers)).status == 403
        assert contact.frozen


async def test_a_note_that_cannot_be_read_is_a_freeze_of_unknown_age(tmp_path: Path) -> None:
    async with store_at(tmp_path):
        (tmp_path / "frozen").write_bytes(b"?")
    async with switch(tmp_path) as (operator, contact):
        assert (await operator.get("/api/v1/state")).document == {"frozen": True, "since": None, "reason": None}
        assert contact.frozen
