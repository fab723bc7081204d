"""Asking where a tag points, for as little as it takes, and what is answered when that fails or costs too much."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from mirror.config.quantities import Share
from mirror.errors import Absent, Denied, Frozen, UpstreamError
from mirror.oci.media_types import OCI_INDEX
from mirror.outcome import Outcome
from mirror.pull.content import FoundManifest
from mirror.pull.manifests import Question
from mirror.pull.pulls import Pulls
from mirror.pull.spending import Spent
from mirror.store.catalog import Key
from tests.support.caches import path_of
from tests.support.faults import Fault
from tests.support.pulling import BOUNDS, SIZES
from tests.support.scenes import HOUR, MINUTE, POLICY, Scene, scene

SERVES = replace(POLICY, serves_deleted=True, not_found_ttl=10)
HONOURS = replace(POLICY, honours_no_cache=True)
SPARES = replace(POLICY, reserve=Share(percent=10.0))
DAY = 86400.0
LONG = replace(SPARES, stale_for=30 * DAY)


# a tag that the upstream no longer has


async def test_a_tag_that_is_gone_is_served_with_a_word_if_that_is_the_policy(tmp_path: Path) -> None:
    async with scene(tmp_path, SERVES) as it:
        await it.get()
        it.clock.advance(30 * MINUTE)
        it.asked()
        it.registry.delete_tag("a/b", "latest")
        for found in (await it.get(), await it.head(), await it.get()):
            assert (found.manifest.body, found.answer.outcome) == (it.image.manifest_body, Outcome.STALE)
            assert found.answer.warning == ("the upstream no longer has this tag; this tag was last checked 30 min ago")
            assert found.answer.checked == it.clock() - 30 * MINUTE
        assert it.asked() == ["HEAD", "GET"]  # once for all


async def test_that_it_is_gone_is_asked_once_in_each_ttl(tmp_path: Path) -> None:
    async with scene(tmp_path, SERVES) as it:
        await it.get()
        it.registry.delete_tag("a/b", "latest")
        it.clock.advance(5 * MINUTE)
        await it.get()
        it.asked()
        it.clock.advance(5 * MINUTE - 1)
        await it.get()
        assert it.asked() == []
        it.clock.advance(1)
        await it.get()
        assert it.asked() == ["HEAD", "GET"]


async def test_a_tag_that_is_gone_is_served_no_longer_than_any_other(tmp_path: Path) -> None:
    async with scene(tmp_path, SERVES) as it:
        await it.get()
        it.registry.delete_tag("a/b", "latest")
        for _ in range(12):  # asked again and again, which does not make it any younger
            it.clock.advance(5 * MINUTE)
            assert (await it.get()).answer.outcome is Outcome.STALE
        it.clock.advance(5 * MINUTE)
        for _ in range(2):
            with pytest.raises(Absent):
                await it.get()
        by_digest = await it.pull.manifests.find(Question(it.pull.target(), it.image.digest))
        assert (by_digest.manifest.body, by_digest.answer.outcome) == (it.image.manifest_body, Outcome.HIT)


async def test_a_tag_that_is_back_is_served_without_a_word(tmp_path: Path) -> None:
    async with scene(tmp_path, SERVES) as it:
        await it.get()
        it.registry.delete_tag("a/b", "latest")
        it.clock.advance(5 * MINUTE)
        await it.get()
        back = it.move()
        it.clock.advance(5 * MINUTE)
        found = await it.get()
        assert (found.manifest.digest, found.answer.warning) == (back.digest, None)
        assert (await it.get()).answer.outcome is Outcome.HIT


async def test_a_tag_that_was_never_there_is_absent_whatever_the_policy(tmp_path: Path) -> None:
    async with scene(tmp_path, SERVES) as it:
        for _ in range(3):
            with pytest.raises(Absent):
                await it.get("missing")
        assert it.asked() == ["GET"]


async def test_a_refusal_is_never_answered_with_what_is_gone(tmp_path: Path) -> None:
    async with scene(tmp_path, SERVES) as it:
        await it.get()
        it.registry.delete_tag("a/b", "latest")
        it.clock.advance(5 * MINUTE)
        await it.get()
        it.clock.advance(5 * MINUTE)
        it.registry.fail(Fault(status=403), times=None)
        with pytest.raises(Denied):
            await it.get()


# registries that do not do HEAD


@pytest.mark.parametrize(
    "fault", [Fault(status=405), Fault(headers={"Docker-Content-Digest": None})], ids=["405", "no digest"]
)
async def test_a_tag_that_has_not_moved_is_not_sent_again(tmp_path: Path, fault: Fault) -> None:
    async with scene(tmp_path) as it:
        await it.get()
        it.registry.fail(fault, "HEAD", times=None)
        it.clock.advance(5 * MINUTE)
        it.asked()
        found = await it.get()
        assert (found.manifest.body, found.answer.outcome) == (it.image.manifest_body, Outcome.REVALIDATED)
        head, get = it.registry.requests
        assert (head.method, get.method, get.sent) == ("HEAD", "GET", 0)
        assert ("if-none-match" in head.headers, get.headers["if-none-match"]) == (False, f'"{it.image.digest}"')
        assert (await it.get()).answer.outcome is Outcome.HIT


@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize(
    "fault", [Fault(status=405), Fault(headers={"Docker-Content-Digest": None})], ids=["405", "no digest"]
)
async def test_a_tag_that_has_moved_costs_one_get(tmp_path: Path, fault: Fault, conditional: bool) -> None:
    async with scene(tmp_path) as it:
        await it.get()
        it.registry.fail(fault, "HEAD", times=None)
        it.registry.conditional = conditional
        it.clock.advance(5 * MINUTE)
        it.asked()
        moved = it.move()
        found = await it.get()
        assert (found.manifest.body, found.answer.outcome) == (moved.manifest_body, Outcome.MISS)
        assert it.asked() == ["HEAD", "GET"]
        assert (await it.get()).answer.outcome is Outcome.HIT


async def test_a_registry_that_sends_it_all_the_same_revalidates_it(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.get()
        it.registry.fail(Fault(status=405), "HEAD", times=None)
        it.registry.conditional = False
        it.clock.advance(5 * MINUTE)
        assert (await it.get()).answer.outcome is Outcome.REVALIDATED


async def test_what_came_in_place_of_a_head_is_kept(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.registry.fail(Fault(status=405), "HEAD", times=None)
        assert (await it.head()).manifest.body == it.image.manifest_body
        assert it.asked() == ["HEAD", "GET"]
        assert (await it.get()).answer.outcome is Outcome.HIT
        by_digest = await it.pull.manifests.find(Question(it.pull.target(), it.image.digest))
        assert by_digest.answer.outcome is Outcome.HIT
        assert it.asked() == []


async def test_what_came_in_place_of_a_head_is_verified(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.get()
        it.registry.fail(Fault(status=405), "HEAD", times=None)
        it.registry.fail(Fault(flip_at=10), "GET", "/manifests/")
        it.clock.advance(5 * MINUTE)
        it.move()
        found = await it.get()
        assert (found.manifest.body, found.answer.outcome) == (it.image.manifest_body, Outcome.STALE)


async def test_a_digest_is_fetched_once_where_heads_are_refused(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.registry.fail(Fault(status=405), "HEAD", times=None)
        found = await it.pull.manifests.find(Question(it.pull.target(), it.image.digest, body=False))
        assert found.manifest.size == len(it.image.manifest_body)
        assert (await it.pull.manifests.find(Question(it.pull.target(), it.image.digest))).answer.outcome is Outcome.HIT
        assert it.asked() == ["HEAD", "GET"]
        assert it.pull.pulls.ledger.spent("one", HOUR).pulls == 1


# clients that want no old answer


async def insist(it: Scene, tag: str = "latest") -> FoundManifest:
    question = Question(it.pull.target(), tag, no_cache=True)
    return it.pull.manifests.recall(question) or await it.pull.manifests.find(question)


async def test_a_client_that_wants_no_old_answer_makes_a_tag_due(tmp_path: Path) -> None:
    async with scene(tmp_path, HONOURS) as it:
        await it.get()
        it.clock.advance(1)
        moved = it.move()
        assert (await it.get()).manifest.digest == it.image.digest
        assert (await insist(it)).manifest.digest == moved.digest
        assert (await it.get()).manifest.digest == moved.digest  # for everybody


async def test_a_tag_is_checked_once_a_second_however_many_insist(tmp_path: Path) -> None:
    async with scene(tmp_path, HONOURS) as it:
        await it.get()
        it.asked()
        for _ in range(10):
            await insist(it)
        assert it.asked() == []
        it.clock.advance(1)
        for _ in range(10):
            assert (await insist(it)).answer.outcome in (Outcome.REVALIDATED, Outcome.HIT)
        assert it.asked() == ["HEAD"]


async def test_a_client_that_insists_is_not_refused_for_an_outage(tmp_path: Path) -> None:
    async with scene(tmp_path, HONOURS) as it:
        await it.get()
        it.clock.advance(MINUTE)
        await it.registry.stop()
        assert (await insist(it)).answer.outcome is Outcome.STALE


async def test_without_the_operators_leave_nobody_makes_a_tag_due(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.get()
        it.clock.advance(MINUTE)
        it.asked()
        assert (await insist(it)).answer.outcome is Outcome.HIT
        assert it.asked() == []


async def test_a_tag_that_never_moves_is_not_asked_for_by_insisting(tmp_path: Path) -> None:
    async with scene(tmp_path, HONOURS) as it:
        it.registry.push_image("a/b", "v1", [])
        await it.get("v1")
        it.clock.advance(DAY)
        it.asked()
        assert (await insist(it, "v1")).answer.outcome is Outcome.HIT
        assert it.asked() == []


# pulls that are counted


@asynccontextmanager
async def counted(root: Path, remaining: int) -> AsyncIterator[Scene]:
    """A scene whose registry has granted 100 pulls, of which so many are left; `latest` is held, and due."""
    async with scene(root, LONG) as it:
        headers = {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": f"{remaining};w=21600"}
        it.registry.fail(Fault(headers=headers), times=None)
        await it.get()
        it.clock.advance(5 * MINUTE)
        it.asked()
        yield it


@pytest.mark.parametrize("remaining", [0, 10, 30])
async def test_while_pulls_are_few_a_tag_is_checked_for_free(tmp_path: Path, remaining: int) -> None:
    async with counted(tmp_path, remaining) as it:
        assert (await it.get()).answer.outcome is Outcome.REVALIDATED
        assert (await it.get()).answer.outcome is Outcome.HIT
        assert it.asked() == ["HEAD"]


@pytest.mark.parametrize("remaining", [0, 10, 30])
async def test_while_pulls_are_few_none_is_spent_on_a_tag_that_is_held(tmp_path: Path, remaining: int) -> None:
    async with counted(tmp_path, remaining) as it:
        it.move()
        for found in (await it.get(), await it.head(), await it.get()):
            assert (found.manifest.body, found.answer.outcome) == (it.image.manifest_body, Outcome.STALE)
            assert found.answer.warning == (
                "few pulls are left at one, and none is spent on what is cached; this tag was last checked 5 min ago"
            )
        assert it.asked() == ["HEAD"]


async def test_while_pulls_are_plenty_a_tag_that_has_moved_is_fetched(tmp_path: Path) -> None:
    async with counted(tmp_path, 50) as it:
        moved = it.move()
        assert (await it.get()).manifest.digest == moved.digest
        assert it.asked() == ["HEAD", "GET"]


async def test_half_pressed_a_tag_that_moved_is_fetched_after_a_day_and_from_the_reserve_never(tmp_path: Path) -> None:
    async with counted(tmp_path / "half", 30) as it:
        moved = it.move()
        it.clock.advance(DAY)
        assert (await it.get()).manifest.digest == moved.digest
    async with counted(tmp_path / "all", 10) as it:
        it.move()
        it.clock.advance(20 * DAY)
        assert (await it.get()).answer.outcome is Outcome.STALE


async def test_what_is_not_held_is_pulled_from_the_reserve(tmp_path: Path) -> None:
    async with counted(tmp_path, 1) as it:
        other = it.registry.push_image("a/b", "other", [b"cold"])
        assert (await it.get("other")).manifest.digest == other.digest
        assert it.asked() == ["HEAD", "GET"]


@pytest.mark.parametrize("repository", ["a/b", "a/c"])
async def test_a_tag_of_what_is_held_already_costs_nothing(tmp_path: Path, repository: str) -> None:
    async with counted(tmp_path, 1) as it:
        it.registry.push_image(repository, "same", [b"old"])
        found = await it.pull.manifests.find(Question(it.pull.target(repository), "same"))
        assert (found.manifest.body, found.answer.outcome) == (it.image.manifest_body, Outcome.REVALIDATED)
        assert it.asked() == ["HEAD"]
        assert it.pull.pulls.ledger.spent("one", HOUR).pulls == 1


async def test_while_pulls_are_plenty_no_question_is_asked_to_save_one(tmp_path: Path) -> None:
    async with counted(tmp_path, 100) as it:
        it.registry.push_image("a/b", "same", [b"old"])
        await it.get("same")
        assert it.asked() == ["GET"]


async def test_what_is_held_no_more_is_pulled_from_the_reserve(tmp_path: Path) -> None:
    async with counted(tmp_path, 1) as it:
        path_of(tmp_path, it.image.digest).unlink()
        restarted = Pulls(it.pull.pulls.upstreams, it.pull.store, BOUNDS, SIZES, it.clock)
        moved = it.move()
        found = await restarted.manifests.find(Question(it.pull.target(), "latest"))
        await restarted.aclose()
        assert (found.manifest.digest, found.answer.outcome) == (moved.digest, Outcome.MISS)
        assert it.asked() == ["HEAD", "GET"]


async def test_what_has_become_too_old_is_pulled_from_the_reserve(tmp_path: Path) -> None:
    async with counted(tmp_path, 1) as it:
        moved = it.move()
        it.clock.advance(30 * DAY)
        assert (await it.get()).manifest.digest == moved.digest


async def test_a_tag_that_moved_to_what_is_held_costs_nothing(tmp_path: Path) -> None:
    async with counted(tmp_path, 1) as it:
        moved = it.move()
        await it.pull.manifests.find(Question(it.pull.target(), moved.digest))
        it.asked()
        found = await it.get()
        assert (found.manifest.digest, found.answer.outcome) == (moved.digest, Outcome.REVALIDATED)
        assert it.asked() == ["HEAD"]


async def test_no_get_stands_in_for_a_head_while_pulls_are_few(tmp_path: Path) -> None:
    async with counted(tmp_path, 1) as it:
        it.registry.heal()
        it.registry.fail(Fault(status=405), "HEAD", times=None)
        assert (await it.get()).answer.outcome is Outcome.STALE
        assert it.asked() == ["HEAD"]


@pytest.mark.parametrize(("status", "kind"), [(403, Denied), (404, Absent)])
async def test_a_refusal_is_heard_while_pulls_are_few(tmp_path: Path, status: int, kind: type[UpstreamError]) -> None:
    async with counted(tmp_path, 1) as it:
        it.registry.heal()
        it.registry.fail(Fault(status=status), times=None)
        with pytest.raises(kind):
            await it.get()
        assert it.asked() == ["HEAD", "GET"]


async def test_a_tag_is_checked_for_free_while_pulls_are_refused(tmp_path: Path) -> None:
    async with counted(tmp_path, 60) as it:
        headers = {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "60;w=21600"}
        it.registry.heal()
        it.registry.fail(Fault(status=429, headers=headers), "GET", times=None)
        it.registry.fail(Fault(headers=headers), "HEAD", times=None)
        assert (await it.get()).answer.outcome is Outcome.REVALIDATED
        it.move()
        for _ in range(2):
            it.clock.advance(5 * MINUTE)
            assert (await it.get()).answer.outcome is Outcome.STALE
        assert it.asked() == ["HEAD", "HEAD", "GET", "HEAD"]  # refused once, a pull is not tried again; a HEAD is


# a hundred clients at once


def still_there(_: Scene) -> None:
    pass


def moved(it: Scene) -> None:
    it.move()


def without_heads(it: Scene) -> None:
    it.registry.fail(Fault(status=405), "HEAD", times=None)


def moved_without_heads(it: Scene) -> None:
    it.move()
    without_heads(it)


def deleted(it: Scene) -> None:
    it.registry.delete_tag("a/b", "latest")


def limited(it: Scene) -> None:
    it.registry.fail(Fault(status=429, headers={"Retry-After": "60"}), times=None)


def ill(it: Scene) -> None:
    it.registry.fail(Fault(status=500), times=None)


@pytest.mark.parametrize(
    ("turn", "asked"),
    [
        (still_there, ["HEAD"]),
        (moved, ["HEAD", "GET"]),
        (without_heads, ["HEAD", "GET"]),
        (moved_without_heads, ["HEAD", "GET"]),
        (deleted, ["HEAD", "GET"]),
        (limited, ["HEAD"]),
        (ill, ["HEAD"]),
    ],
)
async def test_a_hundred_clients_of_a_due_tag_are_one_question(
    tmp_path: Path, turn: Callable[[Scene], None], asked: list[str]
) -> None:
    async with scene(tmp_path, SERVES) as it:
        await it.get()
        it.clock.advance(5 * MINUTE)
        it.asked()
        turn(it)
        found = await asyncio.gather(*(it.get() for _ in range(100)))
        assert it.asked() == asked
        assert len({one.manifest.digest for one in found}) == 1
        assert (found[0].manifest.digest != it.image.digest) is (turn in (moved, moved_without_heads))


# what the operator has brought


async def brought(it: Scene) -> None:
    """Pull a tag, and have it count as brought here by an import."""
    await it.get()
    key, facts = Key("tag", "one", "a/b", "latest"), it.pull.store.facts
    record = facts.tag(key)
    assert record is not None
    facts.put_tag(key, replace(record, lasting=True), DAY)


async def test_what_was_brought_outlasts_every_outage(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await brought(it)
        await it.registry.stop()
        for _ in range(2):  # the second time it is known to have failed before
            it.clock.advance(10 * DAY)
            assert (await it.get()).answer.outcome is Outcome.STALE


async def test_what_was_brought_does_not_outlast_the_word_that_it_is_gone(tmp_path: Path) -> None:
    async with scene(tmp_path, SERVES) as it:
        await brought(it)
        it.registry.delete_tag("a/b", "latest")
        it.clock.advance(10 * DAY)
        assert (await it.get()).answer.outcome is Outcome.STALE
        it.clock.advance(HOUR)
        with pytest.raises(Absent):
            await it.get()


# while nobody may be asked


async def test_a_freeze_is_no_failed_check(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.get()
        it.clock.advance(10 * MINUTE)
        it.asked()
        it.pull.contact.freeze()
        for found in (await it.get(), await it.head(), await it.get()):
            assert (found.manifest.body, found.answer.outcome) == (it.image.manifest_body, Outcome.STALE)
            assert found.answer.warning == (
                "contact with one is frozen by the operator; this tag was last checked 10 min ago"
            )
        assert it.asked() == []
        it.pull.contact.thaw()
        assert (await it.get()).answer.outcome is Outcome.REVALIDATED
        assert it.asked() == ["HEAD"]


async def test_what_was_fresh_is_fresh_while_nobody_may_be_asked(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.get()
        it.pull.contact.freeze()
        found = await it.get()
        assert (found.answer.outcome, found.answer.warning) == (Outcome.HIT, None)


@pytest.mark.parametrize("remaining", [0, 100])
async def test_beyond_the_bound_a_freeze_is_a_refusal(tmp_path: Path, remaining: int) -> None:
    async with counted(tmp_path, remaining) as it:
        it.clock.advance(30 * DAY)
        it.pull.contact.freeze()
        with pytest.raises(Frozen):
            await it.get()
        with pytest.raises(Frozen):
            await it.get("other")
        assert it.asked() == []


async def test_a_freeze_does_not_make_the_bound_last_that_a_clock_has_put_off(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.clock.advance(365 * DAY)
        await it.get()
        it.clock.advance(-365 * DAY)
        it.pull.contact.freeze()
        assert (await it.get()).answer.outcome is Outcome.STALE
        it.clock.advance(HOUR - 1)
        assert (await it.get()).answer.outcome is Outcome.STALE
        it.clock.advance(1)
        with pytest.raises(Frozen):
            await it.get()


# who spent them


async def test_each_manifest_that_was_fetched_is_noted_for_whom(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        target, ledger = it.pull.target(), it.pull.pulls.ledger
        for client in ("10.0.0.1", "10.0.0.2"):
            await it.pull.manifests.find(Question(target, "latest", client=client))
        other = it.registry.push_image("a/c", "v1", [])
        await it.pull.manifests.find(Question(it.pull.target("a/c"), other.digest, client="10.0.0.2"))
        it.clock.advance(5 * MINUTE)
        await it.pull.manifests.find(Question(target, "latest", client="10.0.0.3"))  # which takes a HEAD
        assert ledger.spent("one", HOUR) == Spent(2, (("10.0.0.1", 1), ("10.0.0.2", 1)), (("a/b", 1), ("a/c", 1)))


async def test_a_variant_and_a_get_in_place_of_a_head_are_noted_too(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        target = it.pull.target()
        it.registry.fail(Fault(status=405), "HEAD", times=None)
        await it.pull.manifests.find(Question(target, "latest", body=False, client="headed"))
        await it.pull.manifests.find(Question(target, "latest", [OCI_INDEX], client="narrow"))
        assert dict(it.pull.pulls.ledger.spent("one", HOUR).clients) == {"headed": 1, "narrow": 1}


async def test_what_was_refused_is_not_spent(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        for status in (404, 403, 503):
            it.registry.fail(Fault(status=status), times=None)
            with pytest.raises(UpstreamError):
                await it.get(f"tag-{status}")
            it.registry.heal()
        assert it.pull.pulls.ledger.spent("one", HOUR).pulls == 0
