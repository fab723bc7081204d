"""Pages of tags from registries that page by name, or by cursors of their own, or do not know where they are."""

from __future__ import annotations

import asyncio
import json

import pytest

from mirror.config.settings import Upstream
from mirror.errors import Code, Nonsense, Unreachable
from mirror.tasks import spawn
from mirror.upstream.answers import TagsPage
from mirror.upstream.endpoints import Endpoints
from mirror.upstream.tag_pages import TagPages
from tests.support.clock import Clock
from tests.support.faults import Never
from tests.support.raw import RawUpstream, Script, Until, answer
from tests.support.upstreams import LIMITS, Setting, endpoint, opened


def listed(names: list[str], following: str | None = None) -> Script:
    """A page with these names, and the target of the next one."""
    body = json.dumps({"name": "a/b", "tags": names}).encode()
    link = [] if following is None else [f'Link: <{following}>; rel="next"']
    return [answer("200 OK", [f"Content-Length: {len(body)}", *link], body)]


def _of(server: RawUpstream, *more: RawUpstream) -> Upstream:
    return Upstream(endpoints=tuple(one.url for one in (server, *more)))


def _queries(server: RawUpstream) -> list[str]:
    return [seen.query for seen in server.requests]


ADDRESSES = [
    "/v2/a/b/tags/list?n=2&last=b",
    "?last=b&n=2",
    "http://registry.inside.test:5000/v2/a/b/tags/list?n=2&last=b",
    "http://169.254.169.254/x?last=b",
    "//elsewhere.test/?last=b",
    "/somewhere/else?last=b",
    "http://[::1/?last=b",
]


@pytest.mark.parametrize("target", ADDRESSES)
async def test_of_a_link_only_the_query_counts(target: str) -> None:
    async with RawUpstream(listed(["a", "b"], target)) as server, opened(_of(server)) as registry:
        assert await registry.tags("a/b", 2) == TagsPage(("a", "b"), more=True)
        assert _queries(server) == ["n=2"]


async def test_a_link_that_cannot_be_read_still_says_that_there_is_more() -> None:
    script = [answer("200 OK", ["Content-Length: 14", "Link: <x"], b'{"tags":["a"]}')]
    async with RawUpstream(script) as server, opened(_of(server)) as registry:
        assert await registry.tags("a/b", 1) == TagsPage(("a",), more=True)


async def test_asking_for_no_names_tells_nothing_of_the_cursors() -> None:
    async with RawUpstream(listed([], "?n=0&last="), listed(["a"])) as server, opened(_of(server)) as registry:
        assert await registry.tags("a/b", 0) == TagsPage((), more=True)
        assert await registry.tags("a/b", 1, "0") == TagsPage(("a",), more=False)
        assert _queries(server) == ["n=0", "n=1&last=0"]


CURSORS = [
    ("?next_page=x%3D%3D&n=2", "next_page=x%3D%3D&n=2"),
    ("?last=ZGM=&n=2", "last=ZGM%3D&n=2"),
    ("https://elsewhere.test/other?n=2&last=c&orderby=y", "n=2&last=c&orderby=y"),
]


@pytest.mark.parametrize(("target", "query"), CURSORS)
async def test_with_cursors_of_its_own_the_list_is_walked_to_its_end_and_sorted(target: str, query: str) -> None:
    scripts = (listed(["d", "c"], target), listed(["d", "c"], target), listed(["b", "d"], "?z=1"), listed(["a"]))
    async with RawUpstream(*scripts) as server, opened(_of(server)) as registry:
        assert await registry.tags("a/b", 2, "0") == TagsPage(("a", "b", "c", "d"), more=False, whole=True)
        assert [seen.path for seen in server.requests] == ["/v2/a/b/tags/list"] * 4
        asked = [sorted(one.replace("%3D", "=").split("&")) for one in _queries(server)]
        assert asked == [
            ["last=0", "n=2"],
            ["n=1000"],
            sorted(query.replace("%3D", "=").split("&")),
            ["z=1"],
        ]


async def test_a_client_that_goes_through_the_pages_is_answered_from_one_walk() -> None:
    clock = Clock()
    walk = (listed(["b"], "?c=1"), listed(["a"]))
    async with (
        RawUpstream(walk[0], *walk, *walk, *walk) as server,
        opened(_of(server), Setting(clock=clock)) as registry,
    ):
        whole = await registry.tags("a/b", 1)
        assert len(server.requests) == 3
        assert await registry.tags("a/b", 1, "a") == whole
        assert len(server.requests) == 3
        await registry.tags("a/b", 1)
        assert len(server.requests) == 5  # who begins anew sees what is new
        clock.advance(61)
        await registry.tags("a/b", 1, "a")
        assert len(server.requests) == 7


async def test_an_hour_later_the_upstream_may_page_by_name() -> None:
    clock = Clock()
    scripts = (listed(["b"], "?c=1"), listed(["b"], "?c=1"), listed(["a"]), listed(["a"], "?n=1&last=a"))
    async with RawUpstream(*scripts) as server, opened(_of(server), Setting(clock=clock)) as registry:
        assert (await registry.tags("a/b", 1)).whole
        clock.advance(3601)
        assert await registry.tags("a/b", 1) == TagsPage(("a",), more=True)
        assert _queries(server) == ["n=1", "n=1000", "c=1", "n=1"]


async def test_clients_that_go_through_the_pages_at_once_share_one_walk() -> None:
    go = asyncio.Event()
    first = listed(["b"], "?c=1")
    async with RawUpstream(first, first, [Until(go), *listed(["a"])]) as server, opened(_of(server)) as registry:
        one = spawn(registry.tags("a/b", 1), "one")
        while len(server.requests) < 3:  # noqa: ASYNC110  # the server tells nobody
            await asyncio.sleep(0)
        others = [spawn(registry.tags("a/b", number), "other") for number in (None, 2, 50)]
        await asyncio.sleep(0)
        go.set()
        assert {page.names for page in await asyncio.gather(one, *others)} == {("a", "b")}
        assert len(server.requests) == 3


async def test_closing_ends_a_walk() -> None:
    first = listed(["b"], "?c=1")
    async with RawUpstream(first, first, [Until(Never())]) as server, opened(_of(server)) as registry:
        walk = spawn(registry.tags("a/b", 1), "walk")
        while len(server.requests) < 3:  # noqa: ASYNC110  # the server tells nobody
            await asyncio.sleep(0)
        await registry.aclose()
        with pytest.raises(asyncio.CancelledError):
            await walk


@pytest.mark.parametrize("following", ["?c=1", "?n=1000"])
async def test_a_walk_ends_where_pages_go_round_in_a_circle(following: str) -> None:
    first = listed(["a"], "?c=1")
    async with RawUpstream(first, first, listed(["b"], following)) as server, opened(_of(server)) as registry:
        assert (await registry.tags("a/b")).names == ("a", "b")
        assert len(server.requests) == 3


async def test_a_walk_that_cannot_be_gone_on_with_is_nonsense() -> None:
    first = listed(["a"], "?c=1")
    async with RawUpstream(first, first, listed(["b"], "x")) as server, opened(_of(server)) as registry:
        with pytest.raises(Nonsense, match="leads to a next one that cannot be told"):
            await registry.tags("a/b")


async def test_pages_without_end_are_nonsense() -> None:
    scripts = [listed(["a"], f"?c={number}") for number in range(1, 1102)]
    async with RawUpstream(*scripts) as server, opened(_of(server)) as registry:
        with pytest.raises(Nonsense, match="more than 1000 pages"):
            await registry.tags("a/b")
        assert len(server.requests) == 1001


async def test_names_without_end_are_nonsense() -> None:
    def full(page: int) -> Script:
        return listed([f"{page}-{number}" for number in range(60_000)], f"?c={page}")

    async with RawUpstream(full(0), full(1), full(2), full(3)) as server, opened(_of(server)) as registry:
        with pytest.raises(Nonsense, match="100000 names"):
            await registry.tags("a/b")
        assert len(server.requests) == 3


async def test_each_page_of_a_walk_has_its_limit() -> None:
    limits = LIMITS.model_copy(update={"first_byte_timeout": 30.0, "answer_timeout": 0.3})
    first = listed(["a"], "?c=1")
    silent = RawUpstream(first, first, [Until(Never())])
    async with silent as server, opened(_of(server), Setting(limits)) as registry:
        with pytest.raises(Unreachable) as caught:
            await registry.tags("a/b")
    assert caught.value.code is Code.TIMEOUT


async def test_all_pages_together_have_a_limit() -> None:
    limits = LIMITS.model_copy(update={"first_byte_timeout": 30.0})
    first = listed(["a"], "?c=1")
    async with (
        RawUpstream(first, first, [Until(Never())]) as server,
        endpoint(_of(server), Setting(limits)) as one,
    ):
        pages = TagPages("fake", Endpoints("fake", [one], 30.0), 1000, longest=0.2)
        with pytest.raises(Unreachable, match=r"no end within 0\.2 s") as caught:
            await pages.page("a/b", None, None)
    assert caught.value.code is Code.TIMEOUT


async def test_a_walk_stays_with_the_endpoint_that_gave_the_cursor() -> None:
    first, trouble = listed(["a"], "?c=1"), [answer("503 No", ["Content-Length: 0"])]
    servers = RawUpstream(first, first, trouble), RawUpstream(listed(["b"]))
    async with servers[0] as one, servers[1] as two, opened(_of(one, two)) as registry:
        with pytest.raises(Unreachable):
            await registry.tags("a/b")
        assert two.requests == []
        assert (await registry.tags("a/b")).names == ("b",)
