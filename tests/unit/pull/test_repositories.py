"""The repositories that we hold something of: named as a client would ask for them, in pages, and those alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from mirror.config.settings import Limits
from mirror.config.settings import Upstream as Configured
from mirror.oci.digest import Digest
from mirror.pull.freshness import Policy
from mirror.pull.repositories import Repositories, RepositoryList
from mirror.pull.upstreams import Upstream, Upstreams
from mirror.store.index import Member
from mirror.upstream.registry import Registry
from mirror.upstream.transport import Transport
from tests.support.caches import store_at
from tests.support.pulling import pulling

NOBODY = "http://127.0.0.1:1"
BODY = b"{}"
POLICY = Policy(300, 300, 10)


class Held:
    """A cache that holds a manifest in some repositories, and the upstreams that it is of."""

    def __init__(self, repositories: Repositories, upstreams: Upstreams) -> None:
        self.repositories = repositories
        self.upstreams = upstreams

    async def page(self, n: int | None = None, last: str | None = None, ns: str | None = None) -> RepositoryList:
        return await self.repositories.page(self.upstreams.scope(ns, None), n, last)

    async def every_page(self, n: int) -> list[str]:
        names: list[str] = []
        for _ in range(100):
            page = await self.page(n, names[-1] if names else None)
            names += page.names
            if not page.more:
                return names
        raise AssertionError("the pages have no end")


@asynccontextmanager
async def holding(root: Path, *names: str) -> AsyncIterator[Held]:
    """`names` are `upstream name`; docker.io is the default, and a.test, b.test and z.test are others."""
    async with pulling(root / "unused", one=NOBODY) as pull, store_at(root / "held") as store:
        registry = pull.target().upstream.registry
        upstreams = Upstreams(
            [
                Upstream(name, registry, POLICY, deny=("secret/*",))
                for name in ("docker.io", "a.test", "b.test", "z.test", "internal")
            ],
            {"index.docker.io": "docker.io"},
            {"b.here": "b.test"},
            "docker.io",
        )
        digest = Digest.of(BODY)
        await store.put(digest, BODY)
        for upstream, repository in map(str.split, names):
            store.facts.prove(Member(upstream, repository, str(digest), "type"))
        await store.flush()
        yield Held(Repositories(upstreams, store.facts), upstreams)


async def test_what_a_login_was_needed_for_is_found_only_where_all_is_told(tmp_path: Path) -> None:
    login = Configured(endpoints=(NOBODY,), username="alice", password=SecretStr("secret"))
    async with store_at(tmp_path) as store, Transport("b.test", login, Limits()) as session:
        private = Registry("b.test", login, Limits(), session)
        async with Transport("docker.io", Configured(endpoints=(NOBODY,)), Limits()) as other:
            public = Registry("docker.io", Configured(endpoints=(NOBODY,)), Limits(), other)
            upstreams = Upstreams(
                [Upstream("docker.io", public, POLICY), Upstream("b.test", private, POLICY)], {}, {}, "docker.io"
            )
            await store.put(digest := Digest.of(BODY), BODY)
            for upstream in ("docker.io", "b.test"):
                store.facts.prove(Member(upstream, "team/app", str(digest), "type"))
            await store.flush()
            repositories = Repositories(upstreams, store.facts)
            scope = upstreams.scope(None, None)
            assert await repositories.matching(scope, "app", 10) == ["team/app"]
            assert await repositories.matching(upstreams.scope("b.test", None), "app", 10) == []
            repositories.told = True
            assert await repositories.matching(scope, "app", 10) == ["b.test/team/app", "team/app"]
            await private.aclose()
            await public.aclose()


NAMES = (
    "docker.io library/alpine",
    "docker.io a/b",
    "docker.io zoo/z",
    "b.test x",
    "b.test b/c",
    "a.test x",
    "z.test y",
)
SHOWN = ["a.test/x", "a/b", "b.test/b/c", "b.test/x", "library/alpine", "z.test/y", "zoo/z"]


async def test_each_is_named_as_a_client_would_ask_for_it(tmp_path: Path) -> None:
    async with holding(tmp_path, *NAMES) as held:
        assert await held.page() == RepositoryList(tuple(SHOWN), more=False)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 6, 7, 8])
async def test_the_pages_together_are_the_list(tmp_path: Path, n: int) -> None:
    async with holding(tmp_path, *NAMES) as held:
        assert await held.every_page(n) == SHOWN
        assert (await held.page(7)).more is False


@pytest.mark.parametrize("last", ["", "a", "a.test", "a.test/", "a.test/x", "a/z", "b.test/b", "b.tesu", "m", "~"])
async def test_a_page_may_begin_after_what_is_not_there(tmp_path: Path, last: str) -> None:
    async with holding(tmp_path, *NAMES) as held:
        assert list((await held.page(last=last)).names) == [name for name in SHOWN if name > last]


@pytest.mark.parametrize(("ns", "names"), [("b.test", ("b/c", "x")), ("index.docker.io", ("a/b", "library/alpine"))])
async def test_with_a_namespace_they_are_that_upstreams(tmp_path: Path, ns: str, names: tuple[str, ...]) -> None:
    async with holding(tmp_path, *NAMES) as held:
        assert (await held.page(2, ns=ns)).names == names
        assert (await held.page(2, names[0], ns)).names[0] == names[1]


async def test_with_a_host_that_means_one_upstream_they_are_its_own(tmp_path: Path) -> None:
    async with holding(tmp_path, *NAMES) as held:
        scope = held.upstreams.scope(None, "b.here:5000")
        assert (await held.repositories.page(scope, None, None)).names == ("b/c", "x")


async def test_what_is_not_served_is_not_told(tmp_path: Path) -> None:
    names = ("docker.io secret/a", "b.test secret/b", "gone.test x", "internal x", "docker.io a.test/x", "docker.io ok")
    async with holding(tmp_path, *names) as held:
        assert (await held.page()).names == ("ok",)
        assert (await held.page(ns="docker.io")).names == ("a.test/x", "ok")


async def test_what_is_spoilt_on_disk_is_not_told(tmp_path: Path) -> None:
    async with holding(tmp_path, "docker.io UPPER", "docker.io ../etc", "docker.io fine") as held:
        assert (await held.page()).names == ("fine",)


async def test_a_repository_of_which_no_manifest_is_held_is_not_told(tmp_path: Path) -> None:
    async with holding(tmp_path, "docker.io a") as held:
        facts = held.repositories._facts
        facts.prove(Member("docker.io", "blob-alone", str(Digest.of(BODY))))
        facts.prove(Member("docker.io", "evicted", str(Digest.of(b"evicted")), "type"))
        await facts._write_index.flush()
        assert [name for name, _ in facts.repositories("docker.io", "", 10)] == ["a", "blob-alone", "evicted"]
        assert (await held.page()).names == ("a",)


@pytest.mark.parametrize(("n", "size"), [(None, 100), (0, 1), (5, 5), (10**19, 1000)])
async def test_a_number_is_clamped(tmp_path: Path, n: int | None, size: int) -> None:
    async with holding(tmp_path, *(f"docker.io r/{number:04}" for number in range(1001))) as held:
        page = await held.page(n)
        assert (len(page.names), page.more) == (size, True)


async def test_a_word_is_looked_for_in_whole_names(tmp_path: Path) -> None:
    async with holding(tmp_path, *NAMES) as held:
        scope = held.upstreams.scope(None, None)
        assert await held.repositories.matching(scope, "/x", 10) == ["a.test/x", "b.test/x"]
        assert await held.repositories.matching(scope, "b.test", 1) == ["b.test/b/c"]
        assert await held.repositories.matching(held.upstreams.scope("b.test", None), "", 10) == ["b/c", "x"]
        assert await held.repositories.matching(scope, "nothing", 10) == []
