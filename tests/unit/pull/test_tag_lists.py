"""Lists of tags: the upstream's, page by page, whatever it heeds; and ours, when it cannot be asked."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from mirror.errors import Absent, Denied, MirrorError, Unreachable
from mirror.outcome import Outcome
from mirror.pull.content import Answer
from mirror.pull.manifests import Question
from mirror.pull.tag_lists import LARGEST_PAGE, TagLists
from mirror.tasks import spawn
from tests.support.clock import Clock
from tests.support.faults import Fault
from tests.support.pulling import POLICY, Pulling, Setup, pulling
from tests.support.raw import RawUpstream, Script, answer
from tests.support.registry import FakeRegistry

NAMES = ("1.0", "1.1", "2.0", "latest")
WARNING = "one cannot be asked; these are the tags that this mirror knows, there may be others"


async def page(pull: Pulling, n: int | None = None, last: str | None = None) -> tuple[tuple[str, ...], bool]:
    found = await pull.pulls.tag_lists.find(pull.target(), n, last)
    return found.names, found.more


async def every_page(pull: Pulling, n: int) -> list[str]:
    """What a client gets that follows our pages to their end."""
    names: list[str] = []
    for _ in range(20):
        found, more = await page(pull, n, names[-1] if names else None)
        names += found
        if not more:
            return names
    raise AssertionError("the pages have no end")


def filled(registry: FakeRegistry) -> FakeRegistry:
    for name in NAMES:
        registry.push_image("a/b", name, [])
    return registry


async def test_a_list_is_the_upstreams_each_time(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=filled(registry).url) as pull:
        found = await pull.pulls.tag_lists.find(pull.target(), None, None)
        assert (found.names, found.more, found.answer.outcome) == (NAMES, False, Outcome.MISS)
        registry.push_image("a/b", "new", [])
        assert (await page(pull))[0] == (*NAMES, "new")


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
async def test_the_pages_together_are_the_list(tmp_path: Path, n: int) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=filled(registry).url) as pull:
        assert await every_page(pull, n) == list(NAMES)
        assert registry.requests[0].query == f"n={n}"


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
async def test_an_upstream_that_heeds_neither_n_nor_last_is_paged_by_us(tmp_path: Path, n: int) -> None:
    names = ["latest", *NAMES[:3]]  # nor does it sort
    body = json.dumps({"name": "a/b", "tags": names}).encode()
    script = [answer("200 OK", ["Content-Type: application/json", f"Content-Length: {len(body)}"], body)]
    async with RawUpstream(script) as upstream, pulling(tmp_path, one=upstream.url) as pull:
        assert await every_page(pull, n) == sorted(names)  # as the specification wants a list


async def test_a_number_is_clamped_and_nothing_is_made_of_its_size(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=filled(registry).url) as pull:
        assert await page(pull, 10**18) == (NAMES, False)
        assert registry.requests[0].query == f"n={LARGEST_PAGE}"
        assert await page(pull, 0) == ((), True)


async def test_the_rest_of_a_list_of_whatever_length_is_answered(tmp_path: Path) -> None:
    names = [f"{number:06}" for number in range(120_000)]  # more than all pages that are remembered
    body = json.dumps({"name": "a/b", "tags": names}).encode()
    script = [answer("200 OK", ["Content-Type: application/json", f"Content-Length: {len(body)}"], body)]
    async with RawUpstream(script) as upstream, pulling(tmp_path, one=upstream.url) as pull:
        assert await page(pull, None, names[0]) == (tuple(names[1:]), False)


async def test_the_same_page_is_asked_for_once_by_many(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=filled(registry).url) as pull:
        go = asyncio.Event()
        registry.fail(Fault(hold=go), times=None)
        herd = [spawn(page(pull, number % 2 + 1), f"client {number}") for number in range(20)]
        await registry.arrived(times=2)
        go.set()
        await asyncio.gather(*herd)
        assert sorted(seen.query for seen in registry.requests) == ["n=1", "n=2"]


async def known(pull: Pulling, *tags: str) -> None:
    for tag in tags:
        await pull.manifests.find(Question(pull.target(), tag))


@pytest.mark.parametrize("fault", [Fault(status=503), Fault(status=429), Fault(drop=True), Fault(body=b"<html>")])
async def test_when_the_upstream_cannot_be_asked_our_own_tags_are_listed(tmp_path: Path, fault: Fault) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=filled(registry).url) as pull:
        await known(pull, "latest", "1.0", "2.0")
        await pull.store.flush()
        registry.fail(fault, times=None)
        found = await pull.pulls.tag_lists.find(pull.target(), None, None)
        assert (found.names, found.more) == (("1.0", "2.0", "latest"), False)
        assert found.answer.outcome is Outcome.STALE
        assert found.answer.warning == WARNING
        for n in (1, 2, 3, 4):
            assert await every_page(pull, n) == ["1.0", "2.0", "latest"]
        assert await page(pull, 2, "0") == (("1.0", "2.0"), True)
        assert await page(pull, None, "latest") == ((), False)


async def test_what_the_upstream_has_listed_is_merged_with_what_was_pulled(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, Setup(now=Clock()), one=filled(registry).url) as pull:
        await page(pull, 2)  # 1.0 and 1.1
        await known(pull, "latest")
        await pull.store.flush()
        registry.fail(Fault(status=503), times=None)
        found = await pull.pulls.tag_lists.find(pull.target(), None, None)
        assert (found.names, found.more) == (("1.0", "1.1", "latest"), False)
        assert found.answer == Answer(Outcome.STALE, 1000.0, WARNING)
        assert await page(pull, 1, "1.0") == (("1.1",), True)


async def test_a_list_outlives_the_process(tmp_path: Path) -> None:
    async with FakeRegistry() as registry:
        async with pulling(tmp_path, one=filled(registry).url) as pull:
            await known(pull, "latest")
            await pull.store.flush()
            await page(pull)
        await registry.stop()
        async with pulling(tmp_path, one=registry.url) as pull:
            assert await page(pull) == (NAMES, False)
            assert await page(pull, 2, "1.1") == (("2.0", "latest"), False)


async def test_a_list_is_not_known_for_longer_than_a_tag(tmp_path: Path) -> None:
    setup = Setup(replace(POLICY, tag_ttl=0.0, stale_for=0.0))
    async with FakeRegistry() as registry:
        async with pulling(tmp_path, setup, one=filled(registry).url) as pull:
            await known(pull, "latest")
            await pull.store.flush()
            await page(pull)
        await registry.stop()
        async with pulling(tmp_path, setup, one=registry.url) as pull:
            assert (await page(pull))[0] == ("latest",)


async def test_what_nobody_has_pulled_is_listed_from_memory_alone(tmp_path: Path) -> None:
    async with FakeRegistry() as registry:
        async with pulling(tmp_path, one=filled(registry).url) as pull:
            await page(pull)
            await registry.stop()
            assert await page(pull) == (NAMES, False)
        async with pulling(tmp_path, one=registry.url) as pull:
            with pytest.raises(Unreachable):
                await page(pull)


async def test_clients_that_walk_out_of_step_share_the_pages_and_begin_with_what_is_new(tmp_path: Path) -> None:
    clock = Clock()
    async with FakeRegistry() as registry, pulling(tmp_path, one=filled(registry).url) as pull:
        pull.pulls.tag_lists = TagLists(pull.store.facts, pull.store.leases, clock=clock)
        for _ in range(3):
            assert await every_page(pull, 1) == list(NAMES)
        found = await pull.pulls.tag_lists.find(pull.target(), 1, "1.0")
        assert (found.names, found.more, found.answer.outcome) == (("1.1",), True, Outcome.HIT)
        asked = [seen.query for seen in registry.requests]
        assert asked == ["n=1", "n=1&last=1.0", "n=1&last=1.1", "n=1&last=2.0", "n=1", "n=1"]
        clock.advance(11)
        registry.delete_tag("a/b", "1.1")
        assert await every_page(pull, 1) == ["1.0", "2.0", "latest"]


async def test_what_we_do_not_know_is_no_empty_list(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=filled(registry).url) as pull:
        registry.fail(Fault(status=503), times=None)
        with pytest.raises(Unreachable):
            await page(pull)


@pytest.mark.parametrize(("status", "error"), [(404, Absent), (401, Denied), (403, Denied)])
async def test_a_refusal_is_passed_on_whatever_we_know(tmp_path: Path, status: int, error: type[MirrorError]) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=filled(registry).url) as pull:
        await known(pull, "latest")
        await pull.store.flush()
        registry.fail(Fault(status=status), times=None)
        with pytest.raises(error):
            await page(pull)


async def test_a_repository_that_is_gone_has_no_list_that_we_know(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=filled(registry).url) as pull:
        await page(pull)
        registry.fail(Fault(status=404))
        registry.fail(Fault(status=503), times=None)
        for error in (Absent, Unreachable):
            with pytest.raises(error):
                await page(pull)


async def test_an_upstream_with_cursors_of_its_own_is_paged_by_us(tmp_path: Path) -> None:
    def listed(names: list[str], link: str | None) -> Script:
        body = json.dumps({"name": "a/b", "tags": names}).encode()
        return [answer("200 OK", [f"Content-Length: {len(body)}", *([link] if link else [])], body)]

    cursor = "Link: <http://inside.test/list?next_page=x>; rel=next"
    first, rest = listed(["latest", "2.0"], cursor), listed(["1.1", "1.0"], None)
    async with RawUpstream(first, first, rest) as upstream, pulling(tmp_path, one=upstream.url) as pull:
        assert await every_page(pull, 1) == list(NAMES)
        assert [seen.query for seen in upstream.requests] == ["n=1", "n=1000", "next_page=x"]
        assert await page(pull, 2, "1.05") == (("1.1", "2.0"), True)  # a tag that is gone
        assert await page(pull, None, "2.0") == (("latest",), False)
