"""What is written down of tags, and what is asked of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from mirror.oci.digest import Digest
from mirror.pull.freshness import Verdict
from mirror.pull.staleness import Trouble
from mirror.pull.tag_notes import Place, TagNotes
from mirror.store.catalog import Key, TagRecord
from tests.support.clock import Clock
from tests.support.pulling import Pulling, Setup, pulling
from tests.support.scenes import HOUR, MINUTE, POLICY

ONE, TWO = Digest.of(b"one"), Digest.of(b"two")


@dataclass(frozen=True, slots=True)
class Noting:
    notes: TagNotes
    pull: Pulling
    clock: Clock

    def place(self, tag: str = "latest", repository: str = "a/b", variant: str = "") -> Place:
        return Place(self.pull.target(repository), Key("tag", "one", repository, tag, variant))

    def verdict(self, record: TagRecord | None) -> Verdict:
        return self.notes.judge(self.place(), record, False)


@asynccontextmanager
async def noting(root: Path) -> AsyncIterator[Noting]:
    clock = Clock(1_800_000_000.0)
    async with pulling(root, Setup(POLICY, now=clock), one="http://127.0.0.1:1") as pull:
        yield Noting(TagNotes(pull.store.facts, clock), pull, clock)


async def test_what_is_written_is_read_and_then_judged(tmp_path: Path) -> None:
    async with noting(tmp_path) as it:
        assert it.notes.record(it.place()) is None
        assert it.verdict(None) is Verdict.UNKNOWN
        record = TagRecord(str(ONE), it.clock())
        it.notes.write(it.place(), record)
        assert it.notes.record(it.place()) == record
        assert it.notes.record(it.place(variant="1")) is None
        assert it.verdict(record) is Verdict.FRESH
        it.clock.advance(5 * MINUTE)
        assert it.verdict(record) is Verdict.DUE
        it.clock.advance(HOUR)
        assert it.verdict(record) is Verdict.OVERDUE


async def test_what_the_operator_has_brought_is_due_and_never_too_old(tmp_path: Path) -> None:
    async with noting(tmp_path) as it:
        record = TagRecord(str(ONE), it.clock(), lasting=True)
        it.notes.write(it.place(), record)
        assert it.verdict(record) is Verdict.FRESH
        it.clock.advance(10_000 * HOUR)
        assert it.verdict(record) is Verdict.DUE
        assert it.notes.record(it.place()) == record


async def test_an_absence_of_old_is_silent_for_as_long_as_absences_last(tmp_path: Path) -> None:
    async with noting(tmp_path) as it:
        checked = it.clock()
        it.clock.advance(10 * MINUTE)
        gone = TagRecord(str(ONE), checked, it.clock(), Trouble.DELETED)
        down = TagRecord(str(ONE), checked, it.clock(), Trouble.UNREACHABLE)
        it.clock.advance(6 * MINUTE)
        assert (it.verdict(gone), it.verdict(down)) == (Verdict.WAIT, Verdict.DUE)


async def test_what_is_forgotten_is_absent_for_a_while(tmp_path: Path) -> None:
    async with noting(tmp_path) as it:
        it.notes.write(it.place(), TagRecord(str(ONE), it.clock()))
        assert not it.notes.absent(it.place())
        it.notes.forget(it.place())
        assert it.notes.record(it.place()) is None
        assert it.notes.absent(it.place())
        assert not it.notes.absent(it.place("other"))


async def test_what_is_found_again_is_absent_no_more(tmp_path: Path) -> None:
    async with noting(tmp_path) as it:
        it.notes.forget(it.place())
        it.notes.forget(it.place("other"))
        it.notes.write(it.place(), TagRecord(str(ONE), it.clock()))
        assert not it.notes.absent(it.place())
        assert it.notes.absent(it.place("other"))


async def test_what_was_heard_is_written_once_it_is_held(tmp_path: Path) -> None:
    async with noting(tmp_path) as it:
        heard = TagRecord(str(ONE), it.clock())
        it.notes.heard(it.place(), heard)
        it.notes.heard(it.place("other"), TagRecord(str(TWO), it.clock()))
        it.notes.heard(it.place(repository="a/c"), heard)
        it.notes.stored(it.pull.target(), ONE)
        assert it.notes.record(it.place()) == heard
        assert it.notes.record(it.place("other")) is None
        assert it.notes.record(it.place(repository="a/c")) is None


async def test_what_was_heard_before_counts_no_more(tmp_path: Path) -> None:
    async with noting(tmp_path) as it:
        it.notes.heard(it.place(), TagRecord(str(ONE), it.clock()))
        it.notes.write(it.place(), TagRecord(str(TWO), it.clock()))
        it.notes.stored(it.pull.target(), ONE)
        assert it.notes.record(it.place()) == TagRecord(str(TWO), it.clock())
        it.notes.heard(it.place(), TagRecord(str(ONE), it.clock()))
        it.notes.forget(it.place())
        it.notes.stored(it.pull.target(), ONE)
        assert it.notes.record(it.place()) is None
