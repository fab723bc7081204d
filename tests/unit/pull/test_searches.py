"""Searches: at the registry that has one, else among what we hold; and named so that it can be pulled from here."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from yarl import URL

from mirror.config.settings import Upstream as Configured
from mirror.errors import Code, Malformed, Refused
from mirror.oci.digest import Digest
from mirror.outcome import Outcome
from mirror.pull.freshness import Policy
from mirror.pull.repositories import Repositories
from mirror.pull.searches import FoundRepositories, Searches
from mirror.pull.upstreams import Upstream, Upstreams
from mirror.store.index import Member
from mirror.tasks import spawn
from mirror.upstream.search import Search, searched
from mirror.upstream.surroundings import Surroundings
from mirror.upstream.transport import Transport
from tests.support.caches import store_at
from tests.support.clock import Clock
from tests.support.faults import Never
from tests.support.pulling import LIMITS, pulling
from tests.support.raw import RawUpstream, Script, Until, answer

NOBODY = "http://127.0.0.1:1"
BODY = b"{}"
HELD = ("docker.io library/alpine", "docker.io team/alpine-tools", "quay.test team/alpine", "quay.test team/other")
WARNING = "the search of docker.io cannot be asked; these are repositories that this mirror holds"


def results(*names: str, total: int | None = None) -> Script:
    entries = [{"name": name, "description": f"about {name}", "star_count": 7, "is_official": True} for name in names]
    body = json.dumps({"num_results": len(names) if total is None else total, "results": entries}).encode()
    return [answer("200 OK", [f"Content-Length: {len(body)}"], body)]


def said(status: str) -> Script:
    return [answer(status, ["Content-Length: 0"])]


@dataclass(frozen=True, slots=True)
class Scene:
    searches: Searches
    upstreams: Upstreams
    clock: Clock

    async def find(
        self, term: str, n: int | None = None, page: int | None = None, ns: str | None = None, host: str | None = None
    ) -> FoundRepositories:
        return await self.searches.find(self.searches.question(self.upstreams.scope(ns, host), term, n, page))

    async def names(
        self, term: str, n: int | None = None, page: int | None = None, ns: str | None = None, host: str | None = None
    ) -> list[str]:
        return [result.name for result in (await self.find(term, n, page, ns, host)).results]


@asynccontextmanager
async def scene(root: Path, **servers: RawUpstream) -> AsyncIterator[Scene]:
    """docker.io is the default, quay.test another one; `hub` and `quay` are where they are searched."""
    clock = Clock()
    async with pulling(root / "unused", one=NOBODY) as pull, store_at(root / "held") as store:
        upstreams = []
        found: list[Search] = []
        for name, server in (("docker.io", servers.get("hub")), ("quay.test", servers.get("quay"))):
            search = None
            if server is not None:
                known = searched(Configured(), server.url)
                session = Transport(name, known, LIMITS, surroundings=Surroundings(clock=clock))
                search = Search(URL(server.url), LIMITS, session)
                found.append(search)
            registry = pull.target().upstream.registry
            upstreams.append(Upstream(name, registry, Policy(300, 300, 10), deny=("secret/*",), search=search))
        table = Upstreams(upstreams, {"index.docker.io": "docker.io"}, {"quay.here": "quay.test"}, "docker.io")
        digest = Digest.of(BODY)
        await store.put(digest, BODY)
        for upstream, repository in map(str.split, HELD):
            store.facts.prove(Member(upstream, repository, str(digest), "type"))
        await store.flush()
        searches = Searches(table, Repositories(table, store.facts), clock)
        try:
            yield Scene(searches, table, clock)
        finally:
            await searches.aclose()
            for search in found:
                await search.aclose()


async def test_a_registry_that_can_be_searched_is_asked_and_what_it_finds_is_kept_for_a_while(tmp_path: Path) -> None:
    async with RawUpstream(results("alpine", "user/alpine", total=90)) as hub, scene(tmp_path, hub=hub) as it:
        found = await it.find("alpine")
        assert [(one.name, one.description, one.stars) for one in found.results] == [
            ("alpine", "about alpine", 7),
            ("user/alpine", "about user/alpine", 7),
        ]
        assert (found.total, found.answer.outcome) == (90, Outcome.MISS)
        it.clock.advance(299)
        again = await it.find("alpine")
        assert (again.results, again.answer.outcome) == (found.results, Outcome.HIT)
        assert [URL(seen.target).query for seen in hub.requests] == [{"q": "alpine", "n": "25", "page": "1"}]
        it.clock.advance(2)
        await it.find("alpine")
        await it.find("alpine", 10)
        await it.find("alpine", 10, 2)
        assert len(hub.requests) == 4


@pytest.mark.parametrize(
    ("n", "page", "asked"),
    [(0, 0, ("1", "1")), (10**19, 10**19, ("100", "100")), (None, None, ("25", "1")), (50, 3, ("50", "3"))],
)
async def test_numbers_are_clamped(tmp_path: Path, n: int | None, page: int | None, asked: tuple[str, str]) -> None:
    async with RawUpstream(results()) as hub, scene(tmp_path, hub=hub) as it:
        await it.find("x", n, page)
        query = URL(hub.requests[0].target).query
        assert (query["n"], query["page"]) == asked


async def test_many_who_search_at_once_are_answered_by_one_question(tmp_path: Path) -> None:
    go = asyncio.Event()
    async with RawUpstream([Until(go), *results("alpine")]) as hub, scene(tmp_path, hub=hub) as it:
        herd = [spawn(it.names("alpine"), "client") for _ in range(10)]
        await asyncio.sleep(0)
        go.set()
        assert await asyncio.gather(*herd) == [["alpine"]] * 10
        assert len(hub.requests) == 1


@pytest.mark.parametrize(
    ("term", "ns", "host", "asked", "name"),
    [
        ("team/x", None, None, "team/x", "found"),
        ("library/alpine", None, None, "alpine", "found"),
        ("docker.io/alpine", None, None, "alpine", "docker.io/found"),
        ("index.docker.io/library/alpine", None, None, "alpine", "docker.io/found"),
        ("alpine", "docker.io", None, "alpine", "found"),
        ("node.js", None, None, "node.js", "found"),
        ("no.such.registry/x", "docker.io", None, "no.such.registry/x", "found"),
    ],
)
async def test_what_is_found_is_named_as_it_can_be_pulled(
    tmp_path: Path, term: str, ns: str | None, host: str | None, asked: str, name: str
) -> None:
    async with RawUpstream(results("found")) as hub, scene(tmp_path, hub=hub) as it:
        assert await it.names(term, ns=ns, host=host) == [name]
        assert URL(hub.requests[0].target).query["q"] == asked


async def test_a_word_may_begin_with_another_registry(tmp_path: Path) -> None:
    async with RawUpstream(results("team/found")) as quay, scene(tmp_path, quay=quay) as it:
        assert await it.names("quay.test/word") == ["quay.test/team/found"]
        assert await it.names("word", ns="quay.test") == ["team/found"]
        assert await it.names("word", host="quay.here:5000") == ["team/found"]
        assert {URL(seen.target).query["q"] for seen in quay.requests} == {"word"}


async def test_what_the_mirror_does_not_serve_is_not_found(tmp_path: Path) -> None:
    async with RawUpstream(results("secret/a", "open/a")) as hub, scene(tmp_path, hub=hub) as it:
        assert await it.names("a") == ["open/a"]


async def test_a_registry_that_is_not_ours_is_unknown(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        with pytest.raises(Refused) as refusal:
            await it.find("ghcr.test/word")
        assert refusal.value.code is Code.NAME_UNKNOWN
        with pytest.raises(Refused):
            await it.find("word", ns="ghcr.test")


async def test_a_search_for_nothing_is_malformed(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        with pytest.raises(Malformed):
            it.searches.question(it.upstreams.scope(None, None), None, None, None)


async def test_where_there_is_no_search_it_is_among_what_we_hold(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        found = await it.find("alpine")
        names = [one.name for one in found.results]
        assert names == ["library/alpine", "quay.test/team/alpine", "team/alpine-tools"]
        assert (found.total, found.answer.outcome, found.answer.warning) == (3, Outcome.HIT, None)
        assert await it.names("alpine", 2, 2) == ["team/alpine-tools"]
        assert await it.names("alpine", 2, 3) == []
        assert await it.names("quay.test/alpine") == ["quay.test/team/alpine"]
        assert await it.names("quay.test/") == ["quay.test/team/alpine", "quay.test/team/other"]
        assert await it.names("other", ns="quay.test") == ["team/other"]
        assert await it.names("other", ns="docker.io") == []


async def test_only_so_much_is_looked_for_at_a_time_among_what_we_hold(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        alike = [it.names("alpine-tools") for _ in range(100)]
        assert await asyncio.gather(*alike) == [["team/alpine-tools"]] * 100
        looks = await asyncio.gather(*(it.names(f"word-{number}") for number in range(100)), return_exceptions=True)
        refused = [error.code for error in looks if isinstance(error, Refused)]
        assert refused == [Code.BUSY] * len(refused)
        assert 0 < len(refused) < 100
        assert await it.names("alpine-tools") == ["team/alpine-tools"]


@pytest.mark.parametrize("script", [said("503 No"), said("429 Slower"), said("404 No"), said("302 Found")])
async def test_when_the_search_fails_it_is_among_what_we_hold_and_it_is_left_alone(
    tmp_path: Path, script: Script
) -> None:
    async with RawUpstream(script, results("alpine")) as hub, scene(tmp_path, hub=hub) as it:
        for _ in range(3):
            found = await it.find("alpine-tools")
            assert [one.name for one in found.results] == ["team/alpine-tools"]
            assert (found.answer.outcome, found.answer.warning) == (Outcome.STALE, WARNING)
        assert len(hub.requests) == 1
        it.clock.advance(200)  # which is enough for who was told to wait, too
        assert await it.names("alpine-tools") == ["alpine"]
        assert len(hub.requests) == 2


async def test_closing_ends_what_is_asked(tmp_path: Path) -> None:
    async with RawUpstream([Until(Never())]) as hub, scene(tmp_path, hub=hub) as it:
        asking = spawn(it.names("alpine"), "client")
        while not hub.requests:  # noqa: ASYNC110  # the server tells nobody
            await asyncio.sleep(0)
        await it.searches.aclose()
        with pytest.raises(asyncio.CancelledError):
            await asking
