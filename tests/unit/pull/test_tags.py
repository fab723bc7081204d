"""Tags: asked when they are due, once for all; written down from what is verified; old ones when nobody answers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mirror.errors import Absent, Denied, MirrorError, Refused, UpstreamError
from mirror.oci.media_types import OCI_INDEX
from mirror.outcome import Outcome
from mirror.pull.manifests import Question
from mirror.tasks import end, spawn
from tests.support.faults import Fault
from tests.support.scenes import HOUR, MINUTE, scene


async def test_a_tag_is_answered_without_asking_while_it_is_fresh(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        found = await it.get()
        assert (found.manifest.digest, found.manifest.body) == (it.image.digest, it.image.manifest_body)
        assert (found.answer.outcome, it.asked()) == (Outcome.MISS, ["GET"])
        it.clock.advance(5 * MINUTE - 1)
        it.move()
        for found in (await it.get(), await it.head()):
            assert found.manifest.digest == it.image.digest
            assert (found.answer.outcome, found.answer.warning) == (Outcome.HIT, None)
            assert found.answer.checked == it.clock() - 5 * MINUTE + 1
            assert found.answer.until == it.clock() + 1
        assert it.asked() == []


async def test_a_due_tag_that_has_not_moved_costs_one_head(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.get()
        it.clock.advance(5 * MINUTE)
        it.asked()
        found = await it.get()
        assert (found.manifest.body, found.answer.outcome) == (it.image.manifest_body, Outcome.REVALIDATED)
        assert (await it.get()).answer.outcome is Outcome.HIT  # the clock has been moved
        assert it.asked() == ["HEAD"]


async def test_a_due_tag_that_has_moved_is_fetched(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.get()
        it.clock.advance(5 * MINUTE)
        it.asked()
        moved = it.move()
        found = await it.get()
        assert (found.manifest.body, found.answer.outcome) == (moved.manifest_body, Outcome.MISS)
        assert it.asked() == ["HEAD", "GET"]
        assert (await it.get()).manifest.digest == moved.digest
        assert it.asked() == []


async def test_a_herd_on_a_due_tag_is_one_question(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.get()
        it.clock.advance(5 * MINUTE)
        it.asked()
        go = asyncio.Event()
        it.registry.fail(Fault(hold=go), times=None)
        herd = [spawn(it.get() if number % 2 else it.head(), f"client {number}") for number in range(1000)]
        await it.registry.arrived("HEAD")
        go.set()
        assert {found.manifest.digest for found in await asyncio.gather(*herd)} == {it.image.digest}
        assert it.asked() == ["HEAD"]


async def test_a_tag_that_never_moves_is_asked_for_once(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        image = it.registry.push_image("a/b", "v1", [b"release"])
        await it.get("v1")
        it.asked()
        it.clock.advance(1000 * 86400)
        found = await it.get("v1")
        assert (found.manifest.digest, found.answer.outcome, found.answer.until) == (image.digest, Outcome.HIT, None)
        assert it.asked() == []


async def test_what_is_fresh_is_recalled_from_memory_without_waiting(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        question = Question(it.pull.target(), "latest")
        assert it.pull.manifests.recall(question) is None
        await it.get()
        found = it.pull.manifests.recall(question)
        assert found is not None
        assert (found.manifest.digest, found.answer.outcome) == (it.image.digest, Outcome.HIT)
        narrow = Question(it.pull.target(), "latest", [OCI_INDEX])
        assert it.pull.manifests.recall(narrow) is None
        assert it.pull.manifests.recall(Question(it.pull.target("a/c"), "latest")) is None
        it.clock.advance(5 * MINUTE)
        assert it.pull.manifests.recall(question) is None


# when the upstream cannot be asked

TROUBLE = {
    "500": (Fault(status=500), "one does not answer"),
    "503": (Fault(status=503), "one does not answer"),
    "429": (Fault(status=429), "one limits our requests"),
    "no answer": (Fault(drop=True), "one does not answer"),
    "a page": (Fault(status=418), "one gives answers that cannot be used"),
}


@pytest.mark.parametrize(("fault", "reason"), TROUBLE.values(), ids=TROUBLE)
async def test_the_old_one_is_answered_with_a_word_why(tmp_path: Path, fault: Fault, reason: str) -> None:
    async with scene(tmp_path) as it:
        await it.get()
        it.clock.advance(30 * MINUTE)
        it.registry.fail(fault, times=None)
        it.asked()
        found = await it.get()
        assert (found.manifest.body, found.answer.outcome) == (it.image.manifest_body, Outcome.STALE)
        assert found.answer.warning == f"{reason}; this tag was last checked 30 min ago"
        assert found.answer.checked == it.clock() - 30 * MINUTE
        assert it.asked() != []


async def test_a_failed_check_moves_the_clock_too(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.get()
        it.clock.advance(30 * MINUTE)
        it.registry.fail(Fault(status=503), times=None)
        await it.get()
        it.asked()
        it.clock.advance(5 * MINUTE - 1)
        for found in (await it.get(), await it.head()):
            assert found.answer.outcome is Outcome.STALE
            assert found.answer.warning == "one could not be asked a moment ago; this tag was last checked 34 min ago"
        assert it.asked() == []
        it.clock.advance(1)
        it.registry.heal()
        assert (await it.get()).answer.outcome is Outcome.REVALIDATED
        assert it.asked() == ["HEAD"]


async def test_a_tag_that_is_held_is_answered_however_many_others_are_waited_for(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.get()
        it.clock.advance(5 * MINUTE)
        it.registry.fail(Fault(hold=asyncio.Event()), times=None)
        others = [spawn(it.get(f"t{number}"), "other") for number in range(4096)]
        await asyncio.sleep(0)
        with pytest.raises(Refused):
            await it.get("one more")
        found = await it.get()
        assert (found.manifest.digest, found.answer.outcome) == (it.image.digest, Outcome.STALE)
        assert found.answer.warning == "this mirror has too much to do; this tag was last checked 5 min ago"
        await end(*others)


async def test_a_clock_that_was_set_back_puts_off_the_bound_once(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.clock.advance(1000 * HOUR)
        await it.get()
        it.clock.advance(-1000 * HOUR)
        it.registry.fail(Fault(status=503), times=None)
        assert (await it.get()).answer.outcome is Outcome.STALE
        it.clock.advance(HOUR - 1)
        assert (await it.get()).answer.outcome is Outcome.STALE
        it.clock.advance(1)
        with pytest.raises(UpstreamError):
            await it.get()


@pytest.mark.parametrize("trouble", ["outage", "frozen"])
async def test_a_clock_that_is_set_back_again_makes_nothing_fresh_that_could_not_be_asked(
    tmp_path: Path, trouble: str
) -> None:
    async with scene(tmp_path) as it:
        it.clock.advance(1000 * HOUR)
        await it.get()
        it.clock.advance(-1000 * HOUR)
        if trouble == "frozen":
            it.pull.contact.freeze()
        else:
            it.registry.fail(Fault(status=503), times=None)
        for back in (0, MINUTE - 1, 3 * MINUTE):
            it.clock.advance(-back)
            again = (await it.get()).answer
            assert (again.outcome, again.warning is None) == (Outcome.STALE, False)


async def test_a_check_that_failed_after_the_clock_was_set_back_makes_nothing_fresh(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.clock.advance(1000 * HOUR)
        await it.get()
        it.clock.advance(-1000 * HOUR)
        it.registry.fail(Fault(status=503))
        assert (await it.get()).answer.outcome is Outcome.STALE
        it.clock.advance(1)
        again = (await it.get()).answer
        assert again.outcome is Outcome.STALE
        assert again.warning is not None
        it.clock.advance(5 * MINUTE)
        assert (await it.get()).answer.outcome is Outcome.REVALIDATED


async def test_beyond_the_bound_nobody_is_given_the_old_one(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.get()
        it.clock.advance(HOUR + 5 * MINUTE)
        it.registry.fail(Fault(status=503), times=None)
        with pytest.raises(UpstreamError):
            await it.get()
        it.registry.heal()
        assert (await it.get()).answer.outcome is Outcome.REVALIDATED


async def test_what_was_never_seen_cannot_be_answered(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.registry.fail(Fault(status=503), times=None)
        for ask in (it.get, it.head):
            with pytest.raises(UpstreamError):
                await ask()


@pytest.mark.parametrize("status", [401, 403])
async def test_who_may_not_have_it_now_is_not_given_the_old_one(tmp_path: Path, status: int) -> None:
    async with scene(tmp_path) as it:
        await it.get()
        it.clock.advance(30 * MINUTE)
        it.registry.fail(Fault(status=status), times=None)
        for _ in range(2):
            with pytest.raises(Denied):
                await it.get()
        it.registry.heal()
        assert (await it.get()).answer.outcome is Outcome.REVALIDATED


async def test_a_tag_that_is_gone_is_forgotten_and_its_absence_remembered(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.get()
        it.clock.advance(5 * MINUTE)
        it.asked()
        it.registry.delete_tag("a/b", "latest")
        for _ in range(3):
            with pytest.raises(Absent):
                await it.get()
        assert it.asked() == ["HEAD", "GET"]  # some registries do not find by HEAD what they have
        it.registry.fail(Fault(status=503), times=None)
        with pytest.raises(MirrorError):
            await it.get()  # nor does trouble bring it back
        by_digest = await it.pull.manifests.find(Question(it.pull.target(), it.image.digest))
        assert (by_digest.manifest.body, by_digest.answer.outcome) == (it.image.manifest_body, Outcome.HIT)


async def test_an_absence_is_of_that_repository_and_that_tag_alone(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        with pytest.raises(Absent):
            await it.get("missing")
        assert (await it.get("latest")).manifest.digest == it.image.digest
        other = it.registry.push_image("a/c", "missing", [])
        found = await it.pull.manifests.find(Question(it.pull.target("a/c"), "missing"))
        assert found.manifest.digest == other.digest
