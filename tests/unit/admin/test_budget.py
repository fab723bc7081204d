"""The pulls that upstreams' limits leave, as the operator's programs ask for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mirror.admin.budget import budget_routes
from mirror.errors import UpstreamError
from mirror.pull.manifests import Question
from tests.support.faults import Fault
from tests.support.operator import Operator, operating
from tests.support.pulling import Pulling, pulling
from tests.support.registry import FakeRegistry

NOTHING: dict[str, object] = {
    "state": "unknown",
    "throttled_for": None,
    "limit": None,
    "remaining": None,
    "window": None,
    "window_ends_in": None,
    "source": None,
    "reserve": None,
    "spent": 0,
    "clients": [],
    "repositories": [],
}


@dataclass(frozen=True, slots=True)
class Spending:
    registry: FakeRegistry
    pull: Pulling
    operator: Operator

    def grants(self, remaining: int) -> None:
        """From now on the registry tells that so many pulls of 100 are left."""
        self.registry.heal()
        headers = {
            "ratelimit-limit": "100;w=21600",
            "ratelimit-remaining": f"{remaining};w=21600",
            "docker-ratelimit-source": "192.0.2.7",
        }
        self.registry.fail(Fault(headers=headers), times=None)

    async def get(self, repository: str, client: str) -> None:
        image = self.registry.push_image(repository, None, [f"{repository} for {client}".encode()])
        await self.pull.manifests.find(Question(self.pull.target(repository), image.digest, client=client))

    async def entry(self, query: str = "?upstream=one") -> dict[str, Any]:
        entries: list[dict[str, Any]] = (await self.operator.get(f"/api/v1/budget{query}")).document["upstreams"]
        return entries[0]


@asynccontextmanager
async def spending(root: Path) -> AsyncIterator[Spending]:
    async with (
        FakeRegistry() as registry,
        pulling(root, one=registry.url, two=registry.url) as pull,
        operating(budget_routes(pull.pulls.upstreams, pull.pulls.ledger)) as operator,
    ):
        yield Spending(registry, pull, operator)


async def test_of_an_upstream_that_has_told_nothing_nothing_is_told(tmp_path: Path) -> None:
    async with spending(tmp_path) as it:
        document = (await it.operator.get("/api/v1/budget")).document
        assert document == {"upstreams": [{"upstream": name, **NOTHING} for name in ("one", "two")]}


async def test_what_is_left_is_told_and_who_took_the_rest(tmp_path: Path) -> None:
    async with spending(tmp_path) as it:
        it.grants(76)
        for repository, client in (("a/b", "10.0.0.1"), ("a/c", "10.0.0.1"), ("a/b", "10.0.0.2")):
            await it.get(repository, client)
        entry = await it.entry()
        assert 21590 <= entry.pop("window_ends_in") <= 21600
        assert entry == {
            "upstream": "one",
            "state": "normal",
            "throttled_for": None,
            "limit": 100,
            "remaining": 76,
            "window": 21600,
            "source": "192.0.2.7",
            "reserve": 10,
            "spent": 3,
            "clients": [{"client": "10.0.0.1", "pulls": 2}, {"client": "10.0.0.2", "pulls": 1}],
            "repositories": [{"repository": "a/b", "pulls": 2}, {"repository": "a/c", "pulls": 1}],
        }
        assert (await it.entry("?upstream=two"))["spent"] == 0


@pytest.mark.parametrize(
    ("remaining", "state"), [(50, "normal"), (49, "stretched"), (11, "stretched"), (10, "reserve")]
)
async def test_the_state_is_a_word(tmp_path: Path, remaining: int, state: str) -> None:
    async with spending(tmp_path) as it:
        it.grants(remaining)
        await it.get("a/b", "-")
        assert (await it.entry())["state"] == state


async def test_an_upstream_that_refuses_says_for_how_long(tmp_path: Path) -> None:
    async with spending(tmp_path) as it:
        it.registry.fail(Fault(status=429, headers={"Retry-After": "90"}), times=None)
        with pytest.raises(UpstreamError):
            await it.get("a/b", "-")
        entry = await it.entry()
        assert entry["state"] == "throttled"
        assert 80 <= entry["throttled_for"] <= 120


async def test_an_upstream_that_is_down_is_not_throttled(tmp_path: Path) -> None:
    async with spending(tmp_path) as it:
        await it.registry.stop()
        for _ in range(3):
            with pytest.raises(UpstreamError):
                await it.get("a/b", "-")
        assert (await it.entry())["throttled_for"] is None


async def test_an_upstream_that_is_none_is_not_found(tmp_path: Path) -> None:
    async with spending(tmp_path) as it:
        said = await it.operator.get("/api/v1/budget?upstream=canary.test")
        assert (said.status, said.document) == (404, {"error": "this mirror does not serve that registry"})


async def test_no_more_than_twenty_are_named(tmp_path: Path) -> None:
    async with spending(tmp_path) as it:
        for number in range(25):
            await it.get(f"a/{number}", f"10.0.0.{number}")
        entry = await it.entry()
        assert (entry["spent"], len(entry["clients"]), len(entry["repositories"])) == (25, 20, 20)
