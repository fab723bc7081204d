"""Tags over the operator's API: looked at, pinned, rolled back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mirror.admin.tags import tag_routes
from mirror.config.settings import Settings
from mirror.pull.explaining import keeping
from tests.support.operator import Operator, operating
from tests.support.scenes import MINUTE, Scene, scene

PATH = "/api/v1/tags"


@asynccontextmanager
async def asked(root: Path) -> AsyncIterator[tuple[Scene, Operator]]:
    async with scene(root) as it:
        tags = keeping(Settings(), it.pull.pulls.upstreams, it.pull.store, it.pull.pulls.manifests, it.clock)
        async with operating(tag_routes(tags)) as operator:
            yield it, operator


async def test_a_tag_is_looked_at_rolled_back_pinned_and_let_go(tmp_path: Path) -> None:
    async with asked(tmp_path) as (it, operator):
        await it.get()
        it.clock.advance(6 * MINUTE)
        one, two = str(it.image.digest), str(it.move().digest)
        await it.get()
        (tag,) = (await operator.get(f"{PATH}?image=a/b")).document["tags"]
        assert (tag["digest"], tag["given"], tag["pinned"]) == (two, two, False)
        moves = (await operator.get(f"{PATH}/history?image=a/b:latest")).document["moves"]
        assert [(move["old"], move["new"]) for move in moves] == [(one, two), (None, one)]
        newest = (await operator.get(f"{PATH}/history?image=a/b:latest&limit=1")).document
        assert newest == {"moves": moves[:1], "more": True}
        older = f"{PATH}/history?image=a/b:latest&before={moves[0]['number']}"
        assert (await operator.get(older)).document == {"moves": moves[1:], "more": False}
        for wrong in ("limit=0", "limit=1001", "before=x", "after=1"):
            assert (await operator.get(f"{PATH}/history?image=a/b:latest&{wrong}")).status == 400
        image = {"image": "a/b:latest"}
        for path, terms, given in (
            ("rollback", {}, one),
            ("pin", {"to": two}, two),
            ("rollback", {"to": one}, one),
            ("rollback", {"before": "2100-01-01T00:00:00Z"}, two),
            ("pin", {}, two),
            ("unpin", {}, two),
        ):
            said = await operator.post(f"{PATH}/{path}", {**image, **terms})
            assert (said.status, said.document["given"]) == (200, given)
            assert str((await it.get()).manifest.digest) == given


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("pin", {}),
        ("pin", {"image": 5}),
        ("pin", {"image": "a/b:x", "to": 5}),
        ("pin", {"image": "a/b:x", "to": "latest"}),
        ("pin", {"image": "a/b"}),
        ("pin", {"image": "a/b:x", "more": 1}),
        ("unpin", {"image": "a/b:x", "to": "x"}),
        ("rollback", {"image": "a/b:x", "before": "then"}),
        ("rollback", {"to": "x"}),
    ],
)
async def test_what_cannot_be_understood_changes_nothing(
    tmp_path: Path, path: str, document: dict[str, object]
) -> None:
    async with asked(tmp_path) as (it, operator):
        said = await operator.post(f"{PATH}/{path}", document)
        assert (said.status, set(said.document)) == (400, {"error"})
        assert [*it.pull.store.facts.pins] == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", PATH, 400),
        ("GET", f"{PATH}/history", 400),
        ("GET", f"{PATH}?image=nowhere.test/a:b", 404),
        ("GET", f"{PATH}/pin", 405),
        ("POST", f"{PATH}/unpin", 404),
        ("POST", f"{PATH}/rollback", 404),
    ],
)
async def test_what_is_not_there_is_said(tmp_path: Path, method: str, path: str, status: int) -> None:
    async with asked(tmp_path) as (_, operator):
        said = await operator.get(path) if method == "GET" else await operator.post(path, {"image": "a/b:x"})
        assert said.status == status


async def test_a_page_in_the_operators_browser_changes_nothing(tmp_path: Path) -> None:
    async with asked(tmp_path) as (it, operator):
        await it.get()
        said = await operator.post(f"{PATH}/pin", {"image": "a/b:latest"}, Origin="http://evil.test")
        assert (said.status, [*it.pull.store.facts.pins]) == (403, [])
