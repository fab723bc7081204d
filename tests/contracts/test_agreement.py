"""Processes that share a cache directory are one mirror: each question is asked once, and what one learns all know."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from mirror.errors import Absent, Frozen, MirrorError, Throttled
from mirror.oci.digest import Digest
from mirror.outcome import Outcome
from mirror.pull.content import FoundManifest
from mirror.pull.freezing import Freezing
from mirror.pull.manifests import Question
from mirror.pull.referrer_sources import ReferrersQuestion
from mirror.tasks import spawn
from tests.support.checker import until
from tests.support.clock import Clock
from tests.support.faults import Fault
from tests.support.pulling import POLICY, Pulling, Setup
from tests.support.registry import FakeRegistry
from tests.support.siblings import pulls

NOW = 1_800_000_000.0
LAYERS = [b"layer"]
BUDGET = {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "7;w=21600"}


async def got(pull: Pulling, reference: str | Digest = "v1", *, body: bool = True) -> FoundManifest:
    return await pull.manifests.find(Question(pull.target(), reference, body=body, client="192.0.2.1"))


async def outcome(pull: Pulling, reference: str | Digest = "v1") -> FoundManifest | MirrorError:
    try:
        return await got(pull, reference)
    except MirrorError as error:
        return error


# one question


async def test_a_cold_tag_is_one_get_for_all(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulls(tmp_path, 2, one=registry.url) as (_, members):
        image = registry.push_image("a/b", "v1", LAYERS)
        found = await asyncio.gather(*(got(members[number % 2]) for number in range(40)))
        assert {each.manifest.digest for each in found} == {image.digest}
        assert registry.count("", "/manifests/") == 1


async def test_what_another_one_had_learned_before_one_was_asked_is_no_answer_once_it_is_due(tmp_path: Path) -> None:
    clock = Clock(NOW)
    setup = Setup(now=clock, policy=replace(POLICY, tag_ttl=0))
    async with FakeRegistry() as registry, pulls(tmp_path, 2, setup, one=registry.url) as (family, members):
        registry.push_image("a/b", "v1", LAYERS)
        for pull in members:
            await got(pull)
        family.silence(0)  # the word that it has moved is lost
        for pull in members:
            clock.advance(1)
            image = registry.push_image("a/b", "v1", [str(clock()).encode()])
            assert (await got(pull)).manifest.digest == image.digest
            await pull.store.flush()


@pytest.mark.parametrize("moved", [False, True], ids=["as it was", "moved"])
async def test_a_due_tag_is_one_head_for_all(tmp_path: Path, moved: bool) -> None:
    clock = Clock(NOW)
    async with FakeRegistry() as registry, pulls(tmp_path, 2, Setup(now=clock), one=registry.url) as (_, members):
        image = registry.push_image("a/b", "v1", LAYERS)
        for pull in members:
            await got(pull)
        clock.advance(301)
        if moved:
            image = registry.push_image("a/b", "v1", [b"another"])
        registry.requests.clear()
        found = await asyncio.gather(*(got(members[number % 2], body=number % 3 > 0) for number in range(40)))
        assert {each.manifest.digest for each in found} == {image.digest}
        assert registry.count("HEAD", "/manifests/") == 1
        assert registry.count("GET", "/manifests/") == moved


async def test_a_manifest_by_digest_is_one_get_for_all(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulls(tmp_path, 3, one=registry.url) as (_, members):
        image = registry.push_image("a/b", "v1", LAYERS)
        found = await asyncio.gather(*(got(members[number % 3], image.digest) for number in range(30)))
        assert {each.manifest.body for each in found} == {image.manifest_body}
        assert registry.count("", "/manifests/") == 1


@pytest.mark.parametrize("reference", ["v1", Digest.of(b"nothing")], ids=["tag", "digest"])
async def test_what_is_absent_is_asked_for_once_for_all(tmp_path: Path, reference: str | Digest) -> None:
    async with FakeRegistry() as registry, pulls(tmp_path, 2, one=registry.url) as (_, members):
        found = await asyncio.gather(*(outcome(members[number % 2], reference) for number in range(20)))
        assert all(isinstance(each, Absent) for each in found)
        assert registry.count("", "/manifests/") == 1
        for pull in members:
            assert isinstance(await outcome(pull, reference), Absent)
        assert registry.count("", "/manifests/") == 1


async def test_referrers_are_asked_for_once_for_all(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulls(tmp_path, 2, one=registry.url) as (_, members):
        image = registry.push_image("a/b", "v1", LAYERS)
        await got(members[0])
        await members[0].store.flush()
        registry.requests.clear()
        questions = [ReferrersQuestion(pull.target(), image.digest) for pull in members]
        herd = [members[number % 2].pulls.referrers.find(questions[number % 2]) for number in range(20)]
        found = await asyncio.gather(*herd)
        assert len({each.digest for each in found}) == 1
        alone = registry.count()
        for pull, question in zip(members, questions, strict=True):
            await pull.pulls.referrers.find(question)
        assert registry.count() == alone
        assert registry.count("", f"/referrers/{image.digest}") == 1


async def test_a_page_of_tags_is_asked_for_once_for_all_who_want_it_at_that_moment(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulls(tmp_path, 2, one=registry.url) as (family, members):
        registry.push_image("a/b", "v1", LAYERS)
        hold = asyncio.Event()
        registry.fail(Fault(hold=hold), "GET", "/tags/list")
        herd = [spawn(pull.pulls.tag_lists.find(pull.target(), None, None), "list") for pull in members * 10]
        await until(lambda: "lease-wanted" in family.subjects() and registry.count() == 1)
        hold.set()
        assert {page.names for page in await asyncio.gather(*herd)} == {("v1",)}
        assert registry.count() == 1
        registry.push_image("a/b", "v2", LAYERS)
        assert (await members[1].pulls.tag_lists.find(members[1].target(), None, None)).names == ("v1", "v2")


async def test_who_dies_while_asking_keeps_nobody_waiting(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulls(tmp_path, 2, one=registry.url) as (family, (one, two)):
        image = registry.push_image("a/b", "v1", LAYERS)
        hold = asyncio.Event()
        registry.fail(Fault(hold=hold), "GET", "/manifests/")
        first = spawn(outcome(one), "first")
        await until(lambda: registry.count() == 1)
        second = spawn(got(two), "second")
        await until(lambda: "lease-wanted" in family.subjects())
        family.silence(0)
        await one.store.leases.aclose()  # which closes the file, as the end of a process does
        assert (await second).manifest.digest == image.digest
        hold.set()
        await first


# what one learns


async def test_a_tag_that_one_has_found_moved_is_moved_for_all(tmp_path: Path) -> None:
    clock = Clock(NOW)
    async with FakeRegistry() as registry, pulls(tmp_path, 2, Setup(now=clock), one=registry.url) as (_, (one, two)):
        registry.push_image("a/b", "v1", LAYERS)
        for pull in (one, two):
            await got(pull)
        moved = registry.push_image("a/b", "v1", [b"another"])
        clock.advance(301)
        assert (await got(one)).manifest.digest == moved.digest
        await one.store.flush()
        await asyncio.sleep(0)
        registry.requests.clear()
        assert two.manifests.recall(Question(two.target(), "v1")) is None  # its body is not in memory
        found = await got(two)
        assert (found.manifest.digest, found.answer.outcome) == (moved.digest, Outcome.HIT)
        assert registry.requests == []


async def test_who_has_spent_pulls_is_known_to_all(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulls(tmp_path, 2, one=registry.url) as (_, members):
        registry.push_image("a/b", "v1", LAYERS)
        registry.push_image("a/b", "v2", [b"another"])
        await got(members[0], "v1")
        await got(members[1], "v2")
        await asyncio.sleep(0)
        for pull in members:
            assert pull.pulls.ledger.spent("one", 60).clients == (("192.0.2.1", 2),)


async def test_a_budget_that_one_is_told_is_the_budget_of_all(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulls(tmp_path, 2, one=registry.url) as (_, (one, two)):
        registry.push_image("a/b", "v1", LAYERS)
        registry.fail(Fault(headers=BUDGET), "GET", "/manifests/")
        await got(one)
        await asyncio.sleep(0)
        budgets = [pull.target().upstream.registry.budget for pull in (one, two)]
        assert budgets[0] is not None
        assert budgets[0] == budgets[1]
        assert (budgets[0].limit, budgets[0].remaining) == (100, 7)


async def test_a_back_off_that_one_is_told_is_the_back_off_of_all(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulls(tmp_path, 2, one=registry.url) as (_, (one, two)):
        registry.push_image("a/b", "v1", LAYERS)
        registry.fail(Fault(status=429, headers={"Retry-After": "60"}), "GET", "/manifests/", times=None)
        assert isinstance(await outcome(one), Throttled)
        await asyncio.sleep(0)
        asked = registry.count()
        refused = await outcome(two)
        assert isinstance(refused, Throttled)
        assert refused.retry_after == 60
        assert registry.count() == asked


async def test_a_freeze_is_one_for_all(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulls(tmp_path, 2, one=registry.url) as (family, members):
        registry.push_image("a/b", "v1", LAYERS)
        one, two = (Freezing(pull.contact, pull.store, Clock(NOW)) for pull in members)
        await one.freeze("moving house")
        await asyncio.sleep(0)
        assert two.current == one.current
        assert isinstance(await outcome(members[1]), Frozen)
        assert registry.requests == []
        await two.thaw()
        await asyncio.sleep(0)
        assert one.current is None
        await got(members[0])
        family.deaf = {"frozen"}
        await one.freeze()
        family.lose()
        assert two.current == one.current
        assert members[1].contact.frozen


async def test_a_freeze_outlasts_words_that_are_lost_while_it_is_written_down(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulls(tmp_path, 2, one=registry.url) as (family, members):
        one, two = (Freezing(pull.contact, pull.store, Clock(NOW)) for pull in members)
        freezing = spawn(one.freeze(), "freeze")
        for _ in range(2):  # turns of the loop: it is told, and heard, but cannot be over
            await asyncio.sleep(0)
        assert two.current is not None
        (tmp_path / "frozen").unlink(missing_ok=True)  # as it is until it is written
        family.lose()
        freeze = await freezing
        await until(lambda: (one.current, two.current) == (freeze, freeze))
        assert [pull.contact.frozen for pull in members] == [True, True]
