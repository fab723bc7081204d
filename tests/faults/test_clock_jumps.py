"""The wall clock jumps by a year, either way: what was written down by it lasts neither for ever nor not at all.

Durations are measured by the monotonic clock, which never jumps; what is to be compared after a restart is noted by the
wall clock. Each place that reads the wall clock stands here, with the test that holds it through a jump.
"""

from __future__ import annotations

import ast
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from mirror.errors import Absent, DigestMismatch, Throttled, UpstreamError
from mirror.oci.digest import Digest
from mirror.outcome import Outcome
from mirror.pull.content import FoundManifest
from mirror.pull.manifests import Question
from mirror.store.ingest import Ingest
from mirror.store.leftovers import clear_ingests
from mirror.store.recovery import SAFE
from tests.support.caches import blob, bytes_under_way, data_of_the_ingest, false_blobs, layout_at, under_way
from tests.support.clock import Ahead, Clock
from tests.support.faults import Fault
from tests.support.pulling import POLICY, Pulling, Setup, body, pulling
from tests.support.registry import FakeRegistry

MIRROR, TESTS = Path(__file__).parents[2] / "mirror", Path(__file__).parents[1]
NOW, YEAR = 1_700_000_000.0, 365 * 86400.0
BLOB = b"a layer" * 10_000
PLACE = ("one", "a/b", "v1")
both_ways = pytest.mark.parametrize("jump", [YEAR, -YEAR], ids=["forward", "back"])

# A time that nothing is decided by: it is shown to people, or noted for them.
SHOWN = ""
# What reads the wall clock, by the test that says what becomes of it when the clock jumps.
READERS: Mapping[str, str] = {
    "allowance.py": SHOWN,  # windows of the day are meant by it, however it was set
    "bundles/receiving.py": SHOWN,
    "commands/export.py": SHOWN,
    "commands/ls.py": SHOWN,
    "commands/record.py": SHOWN,
    "commands/show.py": SHOWN,
    "commands/stats.py": SHOWN,
    "commands/switching.py": SHOWN,
    "doctor/upstream.py": "unit/doctor/test_upstream.py::test_the_clock_is_compared_with_the_registrys",
    "jobs/jobs.py": SHOWN,
    "jobs/warming.py": (
        "unit/jobs/test_warming.py::test_a_clock_that_was_set_back_by_a_year_does_not_put_a_time_off_for_one"
    ),
    "metrics.py": SHOWN,
    "pull/blobs.py": (
        "unit/store/test_rounds.py::test_what_was_used_before_a_clock_was_set_back_does_not_outlive_what_is_used_now"
    ),
    "pull/explaining.py": SHOWN,
    "pull/explanation.py": SHOWN,
    "pull/freezing.py": SHOWN,
    "pull/pulls.py": "unit/store/test_set_back.py::test_a_pull_after_the_clock_was_set_back_counts_for_an_image",
    "pull/referrers.py": "unit/pull/test_referrers.py::test_a_clock_that_was_set_back_puts_off_the_bound_once",
    "pull/shelf.py": "unit/store/test_set_back.py::test_the_latest_use_is_now_and_those_before_it_are_as_long_before",
    "pull/tag_keeping.py": "unit/pull/test_holding.py::test_a_clock_that_was_set_back_holds_nothing_for_ever",
    "pull/tag_lists.py": (
        "unit/pull/test_handed_pages.py::test_a_page_that_was_given_before_the_clock_was_set_back_is_not_taken"
    ),
    "pull/tag_names.py": SHOWN,
    "pull/tags.py": "unit/pull/test_tags.py::test_a_clock_that_was_set_back_puts_off_the_bound_once",
    "rehearsal/rehearsal.py": SHOWN,
    "server/access.py": SHOWN,
    "server/headers.py": "unit/server/test_headers.py::test_a_clock_that_was_set_back_makes_no_negative_age",
    "server/hot.py": "unit/server/test_hot.py::test_a_clock_that_is_set_back_ends_it_too",
    "server/prepared.py": SHOWN,
    "server/repeats.py": "unit/server/test_hot.py::test_a_clock_that_is_set_back_ends_it_too",
    "store/blobs.py": (
        "unit/store/test_set_back.py::test_the_latest_use_is_now_and_those_before_it_are_as_long_before"
    ),
    "store/facts.py": "unit/store/test_facts.py::test_a_clock_that_is_set_back_does_not_make_an_absence_last",
    "store/file_check.py": SHOWN,
    "store/opening.py": "faults/test_clock_jumps.py::test_what_a_wrong_clock_lets_stay_of_a_blob_is_hashed_again",
    "store/quarantine.py": SHOWN,
    "store/refuge.py": "unit/store/test_refuge.py::test_what_is_in_use_is_not_cleared_away_whatever_the_clock_says",
    "store/removal.py": "unit/store/test_set_back.py::test_a_pull_after_the_clock_was_set_back_counts_for_an_image",
    "store/rounds.py": "faults/test_clock_jumps.py::test_a_part_that_is_under_way_outlives_a_jump",
    "store/scrub.py": "unit/store/test_scrub.py::test_a_clock_that_jumps_delays_a_pass_by_no_more_than_a_period",
    "upstream/failures.py": (
        "unit/upstream/test_registry_breakers.py::test_a_clock_that_is_years_off_does_not_change_when_to_try_again"
    ),
}


@dataclass(frozen=True, slots=True)
class World:
    """A pull in front of a registry that has `a/b:v1`; `wall` jumps, `monotonic` passes."""

    registry: FakeRegistry
    pull: Pulling
    wall: Clock
    monotonic: Ahead

    async def tag(self, tag: str = "v1") -> FoundManifest:
        return await self.pull.manifests.find(Question(self.pull.target(), tag))

    async def blob(self) -> bytes:
        return await body(await self.pull.blobs.find(self.pull.target(), Digest.of(BLOB)))

    def asked(self) -> int:
        """How many requests there were since the last time."""
        count = self.registry.count()
        self.registry.requests.clear()
        return count


@asynccontextmanager
async def world(root: Path) -> AsyncIterator[World]:
    wall, monotonic = Clock(NOW), Ahead()
    async with FakeRegistry() as registry:
        registry.push_image("a/b", "v1", [BLOB])
        async with pulling(root, Setup(now=wall, clock=monotonic), one=registry.url) as pull:
            pull.store.facts._now = wall
            yield World(registry, pull, wall, monotonic)


@both_ways
async def test_what_is_held_by_digest_is_held_as_before(tmp_path: Path, jump: float) -> None:
    async with world(tmp_path) as it:
        assert await it.blob() == BLOB
        await it.pull.ended()
        it.asked()
        it.wall.advance(jump)
        assert await it.blob() == BLOB
        assert it.asked() == 0


@both_ways
async def test_a_tag_costs_one_question_and_is_fresh_again(tmp_path: Path, jump: float) -> None:
    async with world(tmp_path) as it:
        await it.tag()
        it.asked()
        it.wall.advance(jump)
        assert (await it.tag()).answer.outcome is Outcome.REVALIDATED
        assert it.asked() == 1
        assert (await it.tag()).answer.outcome is Outcome.HIT
        assert it.asked() == 0


@pytest.mark.parametrize("jump", [-YEAR, POLICY.tag_ttl, POLICY.horizon - 1])
async def test_a_jump_is_no_reason_to_refuse_a_tag_in_an_outage(tmp_path: Path, jump: float) -> None:
    async with world(tmp_path) as it:
        found = await it.tag()
        it.registry.fail(Fault(status=503), times=None)
        it.wall.advance(jump)
        for _ in range(2):
            old = await it.tag()
            assert (old.manifest.body, old.answer.outcome) == (found.manifest.body, Outcome.STALE)


async def test_a_clock_that_was_ahead_for_a_while_takes_no_tag_along(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        found = await it.tag()
        it.registry.fail(Fault(status=503), times=None)
        it.wall.advance(YEAR)
        with pytest.raises(UpstreamError):  # as old as it looks
            await it.tag()
        it.wall.advance(-YEAR)
        assert (await it.tag()).manifest.body == found.manifest.body


@both_ways
async def test_that_something_is_not_there_is_asked_anew_and_remembered_again(tmp_path: Path, jump: float) -> None:
    async with world(tmp_path) as it:
        for _ in range(2):
            with pytest.raises(Absent):
                await it.tag("none")
        it.asked()
        it.wall.advance(jump)
        for expected in (1, 0):
            with pytest.raises(Absent):
                await it.tag("none")
            assert it.asked() == expected


@both_ways
async def test_a_token_is_as_good_as_before(tmp_path: Path, jump: float) -> None:
    async with world(tmp_path) as it:
        it.registry.require_bearer()
        await it.tag("v1")
        assert it.registry.count("GET", "/token") == 1
        it.wall.advance(jump)
        await it.tag()
        assert it.registry.count("GET", "/token") == 1
        it.monotonic.advance(YEAR)
        it.wall.advance(POLICY.tag_ttl)
        await it.tag()
        assert it.registry.count("GET", "/token") == 2


@both_ways
async def test_an_upstream_that_limits_us_is_left_alone_for_as_long_as_it_said(tmp_path: Path, jump: float) -> None:
    async with world(tmp_path) as it:
        it.registry.fail(Fault(status=429, headers={"Retry-After": "60"}))
        with pytest.raises(Throttled):
            await it.tag()
        it.asked()
        it.wall.advance(jump)
        it.monotonic.advance(59)
        with pytest.raises(Throttled):
            await it.tag()
        assert it.asked() == 0
        it.monotonic.advance(1)
        assert (await it.tag()).answer.outcome is Outcome.MISS


@both_ways
async def test_moves_of_a_tag_are_told_in_the_order_in_which_they_were_seen(tmp_path: Path, jump: float) -> None:
    async with world(tmp_path) as it:
        digests = [str((await it.tag()).manifest.digest)]
        for number in range(2):
            it.wall.advance(jump)
            it.registry.push_image("a/b", "v1", [b"another %d" % number])
            digests.append(str((await it.tag()).manifest.digest))
        moves = await it.pull.store.facts.journal.history(*PLACE)
        assert [move.new for move in moves] == digests[::-1]
        assert [move.seen for move in moves] == [NOW + 2 * jump, NOW + jump, NOW]


@both_ways
def test_a_part_that_is_under_way_outlives_a_jump(tmp_path: Path, jump: float) -> None:
    digest, data = blob(1)
    with layout_at(tmp_path) as layout:
        ingest = Ingest(layout, digest, durable=False)
        ingest.append(data)
        clear_ingests(layout, time.time() + jump)
        assert under_way(tmp_path) != []
        assert ingest.commit() is not None
    assert false_blobs(tmp_path) == []


async def test_what_a_wrong_clock_lets_stay_of_a_blob_is_hashed_again(tmp_path: Path) -> None:
    """A power failure has left zeros, and a time of change that says that they are newer than that."""
    digest = Digest.of(BLOB)
    with layout_at(tmp_path) as layout:
        layout.begin(SAFE)
        ingest = Ingest(layout, digest, durable=False)
        ingest.expect(len(BLOB))
        ingest.append(bytes(1000))
        ingest.leave()
    in_a_year = time.time() + YEAR
    os.utime(data_of_the_ingest(tmp_path), (in_a_year, in_a_year))
    async with world(tmp_path) as it:
        assert bytes_under_way(tmp_path) == 1000
        with pytest.raises(DigestMismatch):
            await it.blob()
        await it.pull.ended()
        assert await it.blob() == BLOB


def _reads_the_wall_clock(path: Path) -> bool:
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Attribute(value=ast.Name(id="time"), attr="time" | "time_ns"):
                return True
            case ast.Attribute(value=ast.Name(id="datetime"), attr="now" | "utcnow" | "today"):
                return True
            case ast.ImportFrom(module="time") if any(name.name in ("time", "time_ns") for name in node.names):
                return True
    return False


def test_who_reads_the_wall_clock_has_been_asked_what_becomes_of_it_when_that_jumps() -> None:
    found = {str(path.relative_to(MIRROR)) for path in MIRROR.rglob("*.py") if _reads_the_wall_clock(path)}
    assert found == set(READERS)


@pytest.mark.parametrize("node", sorted({node for node in READERS.values() if node}))
def test_another_test_holds_it(node: str) -> None:
    place, _, name = node.partition("::")
    tree = ast.parse((TESTS / place).read_text())
    assert name in {one.name for one in tree.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}
