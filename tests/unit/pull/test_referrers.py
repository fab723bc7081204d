"""Lists of referrers: fresh for a while, old when nobody can be asked, and never empty for want of knowledge."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from mirror.errors import Absent, Denied, MirrorError, Unreachable
from mirror.oci.digest import Digest
from mirror.oci.media_types import OCI_INDEX, OCI_MANIFEST
from mirror.oci.referrers import parse_referrers, referrers_tag
from mirror.outcome import Outcome
from mirror.pull.manifests import Question
from mirror.pull.referrer_sources import ReferrersQuestion
from mirror.pull.referrers import FoundReferrers
from mirror.store.catalog import Key
from mirror.store.listing import Listing
from mirror.tasks import spawn
from tests.fakes.registry import Registry
from tests.support.clock import Clock
from tests.support.faults import Fault
from tests.support.pulling import POLICY, Pulling, Setup, pulling

SIGNATURE, SBOM = "application/vnd.example.signature.v1", "application/vnd.example.sbom.v1"
SUBJECT = Digest.of(b"subject")
API = "/referrers/"


def entry(name: str, artifact_type: str = SIGNATURE) -> dict[str, object]:
    return {"mediaType": OCI_MANIFEST, "digest": digests(name)[0], "size": 5, "artifactType": artifact_type}


def attached(registry: Registry, *names: str, artifact_type: str = SIGNATURE) -> Registry:
    registry.referrers = True
    for name in names:
        registry.attach("a/b", SUBJECT, entry(name, artifact_type))
    return registry


async def found(pull: Pulling, artifact_type: str | None = None, subject: Digest = SUBJECT) -> FoundReferrers:
    return await pull.pulls.referrers.find(ReferrersQuestion(pull.target(), subject, artifact_type))


async def listed(pull: Pulling, artifact_type: str | None = None) -> list[str]:
    return [one.digest for one in parse_referrers((await found(pull, artifact_type)).body, OCI_INDEX)]


def digests(*names: str) -> list[str]:
    return [str(Digest.of(name.encode())) for name in names]


async def test_a_list_is_asked_for_once_while_it_is_fresh(tmp_path: Path) -> None:
    now = Clock()
    async with Registry() as registry, pulling(tmp_path, Setup(now=now), one=attached(registry, "a").url) as pull:
        first = await found(pull)
        assert (first.answer.outcome, first.digest) == (Outcome.MISS, Digest.of(first.body))
        attached(registry, "b")
        now.advance(299)
        again = await found(pull)
        assert (again.body, again.answer.outcome, again.answer.checked) == (first.body, Outcome.HIT, 1000.0)
        assert registry.count() == 1
        now.advance(2)
        assert await listed(pull) == digests("a", "b")
        assert registry.count() == 2


async def test_the_filter_is_ours_and_costs_no_question(tmp_path: Path) -> None:
    async with Registry() as registry, pulling(tmp_path, one=attached(registry, "a", "b").url) as pull:
        attached(registry, "c", artifact_type=SBOM)
        assert await listed(pull, SBOM) == digests("c")
        assert await listed(pull, SIGNATURE) == digests("a", "b")
        assert await listed(pull, "application/vnd.example.none") == []
        assert await listed(pull) == digests("a", "b", "c")
        (seen,) = registry.requests
        assert seen.query == ""


async def test_many_who_ask_at_once_are_answered_by_one_question(tmp_path: Path) -> None:
    async with Registry() as registry, pulling(tmp_path, one=attached(registry, "a").url) as pull:
        attached(registry, "b", artifact_type=SBOM)
        go = asyncio.Event()
        registry.fail(Fault(hold=go), times=None)
        kinds = (None, SIGNATURE, SBOM)
        herd = [spawn(listed(pull, kinds[number % 3]), f"client {number}") for number in range(30)]
        await registry.arrived()
        go.set()
        answers = await asyncio.gather(*herd)
        assert answers == [digests("a", "b"), digests("a"), digests("b")] * 10
        assert registry.count() == 1


TROUBLE = {
    "down": (Fault(status=503), "cannot be asked"),
    "throttled": (Fault(status=429), "limits our requests"),
    "gone": (Fault(drop=True), "cannot be asked"),
    "garbled": (Fault(body=b"<html>"), "cannot be asked"),
}


@pytest.mark.parametrize("name", TROUBLE)
async def test_when_the_upstream_cannot_be_asked_the_list_is_as_it_was(tmp_path: Path, name: str) -> None:
    fault, words = TROUBLE[name]
    now = Clock()
    async with Registry() as registry, pulling(tmp_path, Setup(now=now), one=attached(registry, "a").url) as pull:
        await found(pull)
        registry.fail(fault, times=None)
        now.advance(301)
        old = await found(pull)
        assert (old.answer.outcome, old.answer.checked) == (Outcome.STALE, 1000.0)
        assert old.answer.warning == f"one {words}; this list of referrers may be out of date"
        asked = registry.count()
        again = await found(pull)
        assert again.body == old.body
        assert again.answer.warning == "one could not be asked a moment ago; this list of referrers may be out of date"
        assert registry.count() == asked  # the failed check moves the clock
        now.advance(POLICY.horizon)
        with pytest.raises(MirrorError):
            await found(pull)


async def test_a_clock_that_was_set_back_puts_off_the_bound_once(tmp_path: Path) -> None:
    now, year = Clock(), 365 * 86400.0
    now.advance(year)
    async with Registry() as registry, pulling(tmp_path, Setup(now=now), one=attached(registry, "a").url) as pull:
        await found(pull)
        now.advance(-year)
        registry.fail(Fault(status=503), times=None)
        assert (await found(pull)).answer.outcome is Outcome.STALE
        now.advance(POLICY.stale_for - 1)
        assert (await found(pull)).answer.outcome is Outcome.STALE
        now.advance(1)
        with pytest.raises(MirrorError):
            await found(pull)


@pytest.mark.parametrize("name", TROUBLE)
async def test_what_nobody_has_ever_had_is_no_empty_list(tmp_path: Path, name: str) -> None:
    async with Registry() as registry, pulling(tmp_path, one=attached(registry, "a").url) as pull:
        registry.fail(TROUBLE[name][0], times=None)
        with pytest.raises(MirrorError):
            await found(pull)
        assert registry.count() >= 1


@pytest.mark.parametrize("names", [(), ("a",)])
async def test_that_there_was_nothing_does_not_tell_that_there_still_is(tmp_path: Path, names: tuple[str, ...]) -> None:
    now, of_none = Clock(), SBOM if names else None
    async with Registry() as registry, pulling(tmp_path, Setup(now=now), one=attached(registry, *names).url) as pull:
        assert await listed(pull, of_none) == []
        registry.fail(Fault(status=503), times=None)
        now.advance(301)
        for _ in range(2):  # by the check that fails, and while it is not tried again
            with pytest.raises(Unreachable):
                await found(pull, of_none)
        assert registry.count() == 2


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refusal_is_passed_on_whatever_we_know(tmp_path: Path, status: int) -> None:
    now = Clock()
    async with Registry() as registry, pulling(tmp_path, Setup(now=now), one=attached(registry, "a").url) as pull:
        await found(pull)
        registry.fail(Fault(status=status), times=None)
        now.advance(301)
        with pytest.raises(Denied):
            await found(pull)


async def test_a_list_outlives_the_process_with_its_age(tmp_path: Path) -> None:
    now = Clock()
    async with Registry() as registry:
        async with pulling(tmp_path, Setup(now=now), one=attached(registry, "a").url) as pull:
            await found(pull)
        await registry.stop()
        async with pulling(tmp_path, Setup(now=now), one=registry.url) as pull:
            assert (await found(pull)).answer.outcome is Outcome.HIT
            now.advance(301)
            old = await found(pull)
            assert (old.answer.outcome, old.answer.checked) == (Outcome.STALE, 1000.0)
            assert await listed(pull) == digests("a")


@pytest.mark.parametrize("pulled", [True, False])
async def test_that_there_is_nothing_is_noted_of_what_somebody_has_pulled(tmp_path: Path, pulled: bool) -> None:
    async with Registry() as registry:
        subject = registry.push_image("a/b", "latest", []).digest
        async with pulling(tmp_path, one=attached(registry).url) as pull:
            if pulled:
                await pull.manifests.find(Question(pull.target(), subject))
            for outcome in (Outcome.MISS, Outcome.HIT):
                assert (await found(pull, subject=subject)).answer.outcome is outcome
        await registry.stop()
        async with pulling(tmp_path, one=registry.url) as pull:
            with nullcontext() if pulled else pytest.raises(Unreachable):
                assert parse_referrers((await found(pull, subject=subject)).body, None) == ()


async def test_that_there_is_nothing_is_no_longer_fresh_than_an_absence(tmp_path: Path) -> None:
    now = Clock()
    async with Registry() as registry, pulling(tmp_path, Setup(now=now), one=attached(registry).url) as pull:
        for later, outcome, asked in ((0, Outcome.MISS, 1), (59, Outcome.HIT, 1), (2, Outcome.MISS, 2)):
            now.advance(later)
            assert (await found(pull)).answer.outcome is outcome
            assert registry.count() == asked
        attached(registry, "a")
        now.advance(61)
        assert await listed(pull) == digests("a")


async def test_what_the_upstream_does_not_have_is_not_asked_for_each_time(tmp_path: Path) -> None:
    now = Clock()
    async with Registry() as registry, pulling(tmp_path, Setup(now=now), one=registry.url) as pull:
        for _ in range(3):
            with pytest.raises(Absent):
                await found(pull)
        assert registry.count(path=API) == 1


async def test_a_repository_that_is_gone_has_no_list_that_we_know(tmp_path: Path) -> None:
    now = Clock()
    async with Registry() as registry, pulling(tmp_path, Setup(now=now), one=attached(registry, "a").url) as pull:
        await found(pull)
        registry.referrers = False
        now.advance(301)
        with pytest.raises(Absent):
            await found(pull)
        assert pull.store.facts.listing(Key("referrers", "one", "a/b", str(SUBJECT))) is None


async def test_tags_that_never_move_say_nothing_of_lists(tmp_path: Path) -> None:
    now = Clock()
    setup = Setup(replace(POLICY, immutable_tags=("*",)), now=now)
    async with Registry() as registry, pulling(tmp_path, setup, one=attached(registry, "a").url) as pull:
        await found(pull)
        now.advance(301)
        attached(registry, "b")
        assert await listed(pull) == digests("a", "b")


async def test_a_list_under_a_tag_is_as_old_as_the_tag(tmp_path: Path) -> None:
    now = Clock()
    async with Registry() as registry, pulling(tmp_path, Setup(now=now), one=registry.url) as pull:
        body = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry("a")]}).encode()
        registry.push_manifest("a/b", referrers_tag(SUBJECT), body, OCI_INDEX)
        await pull.manifests.find(Question(pull.target(), referrers_tag(SUBJECT)))
        now.advance(200)
        assert (await found(pull)).answer.checked == 1000.0
        now.advance(99)
        assert (await found(pull)).answer.outcome is Outcome.HIT
        now.advance(2)
        registry.fail(Fault(status=503), path="/manifests/", times=None)
        old = await found(pull)
        assert old.answer.outcome is Outcome.STALE
        assert old.answer.warning is not None
        assert await listed(pull) == digests("a")


@pytest.mark.parametrize("text", ["", "{}", "<html>", "x" * 2_000_000])
async def test_a_list_that_was_spoilt_on_disk_is_asked_for(tmp_path: Path, text: str) -> None:
    async with Registry() as registry, pulling(tmp_path, one=attached(registry, "a").url) as pull:
        pull.store.facts.put_listing(Key("referrers", "one", "a/b", str(SUBJECT)), Listing(text, time.time()), 60.0)
        assert await listed(pull) == digests("a")


async def test_a_list_of_very_many_is_kept_in_memory_alone(tmp_path: Path) -> None:
    async with Registry() as registry, pulling(tmp_path, one=registry.url) as pull:
        attached(registry, *(str(number) for number in range(7000)))
        first = await found(pull, SBOM)
        assert parse_referrers(first.body, None) == ()
        assert (await found(pull)).answer.outcome is Outcome.HIT
        assert len(await listed(pull, SIGNATURE)) == 7000
        assert pull.store.facts.listing(Key("referrers", "one", "a/b", str(SUBJECT))) is None
