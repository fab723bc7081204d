"""Every blob is read again in its time, what is found is quarantined, and nobody else is kept from the disk."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mirror.store.filesystem import Filesystem
from mirror.store.leisure import read_at_leisure
from mirror.store.scrub import Scrub, tell_of_a_fault
from mirror.store.scrub_note import Progress, read_progress
from mirror.tasks import end, spawn
from tests.support.caches import blob, flip, path_of, published
from tests.support.clock import Clock
from tests.support.houses import House, house_at
from tests.support.leisure import reads_at_leisure
from tests.support.pauses import Pauses

DAY = 86400.0
MEGABYTE = 1024 * 1024
START = 1_000_000_000.0


class Spells(Pauses):
    """The pauses of a scrub, of which only the one between two passes lasts. `short`: the others."""

    def __init__(self) -> None:
        super().__init__()
        self.short: list[float] = []
        self.at: Callable[[], object] = lambda: None  # called in each short one

    async def pause(self, seconds: float) -> None:
        if seconds >= DAY:
            await super().pause(seconds)
            return
        self.short.append(seconds)
        self.at()
        await asyncio.sleep(0)


def _scrub(house: House, pauses: Spells) -> Scrub:
    return Scrub(house.layout, house.databases, house.blobs, lambda: house.keeping.size, pauses.pause)


@asynccontextmanager
async def _running(house: House, pauses: Spells, clock: Clock | None = None) -> AsyncIterator[Scrub]:
    scrub = _scrub(house, pauses)
    await house.databases.flush()
    task = spawn(scrub.run(30 * DAY, clock or Clock(START)), "scrub")
    try:
        yield scrub
    finally:
        await end(task)
        assert task.cancelled()


async def test_every_blob_is_read_once_in_a_period(tmp_path: Path) -> None:
    pauses, clock = Spells(), Clock(START)
    async with house_at(tmp_path) as house, _running_after(house, range(300), pauses, clock) as scrub:
        await pauses.next()
        assert scrub.progress == Progress("", done=300 * 100, began=START, finished=START)
        assert scrub.total == 300 * 100
        assert pauses.seconds == [30 * DAY]
        clock.advance(30 * DAY)
        pauses.go_on()
        await pauses.next()
        assert scrub.progress.finished == START + 30 * DAY


@asynccontextmanager
async def _running_after(
    house: House, numbers: range, pauses: Spells, clock: Clock | None = None
) -> AsyncIterator[Scrub]:
    house.put(*numbers)
    async with _running(house, pauses, clock) as scrub:
        yield scrub


def _flip_unseen(path: Path) -> None:
    """As a disk does it: size and time stay."""
    status = path.stat()
    flip(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _become(make: Callable[[Path], object]) -> Callable[[Path], object]:
    def spoil(path: Path) -> None:
        path.unlink()
        make(path)

    return spoil


SPOILS: dict[str, Callable[[Path], object]] = {
    "flipped": _flip_unseen,
    "truncated": lambda path: os.truncate(path, 50),
    "emptied": lambda path: os.truncate(path, 0),
    "grown": lambda path: os.truncate(path, 200),
    "a link": _become(lambda path: path.symlink_to(path.with_name("other"))),
    "a directory": _become(Path.mkdir),
    "a pipe": _become(os.mkfifo),
}


@pytest.mark.parametrize("spoil", SPOILS)
async def test_what_is_corrupt_is_quarantined_before_anybody_asks(
    tmp_path: Path, spoil: str, caplog: pytest.LogCaptureFixture
) -> None:
    pauses = Spells()
    async with house_at(tmp_path) as house:
        good, bad, other = house.put(1, 2, 3)
        SPOILS[spoil](path_of(tmp_path, bad))
        async with _running(house, pauses) as scrub:
            await pauses.next()
            assert scrub.progress.found == 1
        assert published(tmp_path) == sorted([str(good), str(other)])
        assert len(list((tmp_path / "quarantine").iterdir())) == 1
        assert house.blobs.quarantine.taken == 1
        assert f"it is quarantined and will be fetched again: {bad}" in caplog.text


async def test_one_blob_can_be_read_at_once_by_whoever_wants_to_know(tmp_path: Path) -> None:
    async with house_at(tmp_path) as house:
        good, bad, gone = house.put(1, 2, 3)
        _flip_unseen(path_of(tmp_path, bad))
        path_of(tmp_path, gone).unlink()
        async with _scrub(house, Spells()).at_hand() as was_corrupt:
            assert [await was_corrupt(digest) for digest in (good, bad, gone, bad)] == [False, True, False, False]
        assert published(tmp_path) == [str(good)]


async def test_two_files_that_were_exchanged_are_both_found(tmp_path: Path) -> None:
    pauses = Spells()
    async with house_at(tmp_path) as house:
        one, two = (path_of(tmp_path, digest) for digest in house.put(1, 2))
        one.rename(tmp_path / "aside")
        two.rename(one)
        (tmp_path / "aside").rename(two)
        async with _running(house, pauses) as scrub:
            await pauses.next()
            assert scrub.progress.found == 2
        assert published(tmp_path) == []


async def test_what_has_vanished_is_told_and_what_was_removed_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pauses = Spells()
    async with house_at(tmp_path) as house:
        gone, evicted = house.put(1, 2)
        path_of(tmp_path, gone).unlink()
        await house.blobs.delete(evicted)
        async with _running(house, pauses):
            await pauses.next()
    assert f"a cached blob has vanished; it will be fetched again: {gone}" in caplog.text
    assert str(evicted) not in caplog.text


class Unreadable(Filesystem):
    """A disk that cannot read what lies under one inode."""

    def __init__(self) -> None:
        self.inode = 0

    def read(self, descriptor: int, size: int, offset: int) -> bytes:
        if os.fstat(descriptor).st_ino == self.inode:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().read(descriptor, size, offset)


async def test_what_cannot_be_read_is_corrupt(tmp_path: Path) -> None:
    pauses, disk = Spells(), Unreadable()
    async with house_at(tmp_path, disk=disk) as house:
        good, bad = house.put(1, 2)
        disk.inode = path_of(tmp_path, bad).stat().st_ino
        async with _running(house, pauses) as scrub:
            await pauses.next()
            assert scrub.progress.found == 1
        assert published(tmp_path) == [str(good)]


async def test_a_blob_that_is_removed_while_it_is_read_is_not_read_to_its_end(tmp_path: Path) -> None:
    pauses = Spells()
    async with house_at(tmp_path) as house:
        (digest,) = house.put(1, size=5 * MEGABYTE)
        pauses.at = lambda: path_of(tmp_path, digest).unlink(missing_ok=True)
        async with _running(house, pauses) as scrub:
            await pauses.next()
            assert (scrub.progress.done, scrub.progress.found) == (MEGABYTE, 0)


# pace


async def test_no_more_is_read_in_a_second_than_is_allowed(tmp_path: Path) -> None:
    pauses = Spells()
    async with house_at(tmp_path) as house:
        house.put(1, size=8 * MEGABYTE)
        async with _running(house, pauses):
            await pauses.next()
    assert pauses.short[:8] == [1 / 16] * 8  # 16 MiB/s while a blob is read
    assert sum(pauses.short) == pytest.approx(8 * MEGABYTE / (256 * 1024))  # a small cache: 256 KiB/s in all


async def test_a_large_cache_is_read_in_its_period(tmp_path: Path) -> None:
    pauses = Spells()
    async with house_at(tmp_path) as house:
        house.put(1, size=4 * MEGABYTE)
        house.keeping.size = 30 * 86400 * MEGABYTE  # a mebibyte a second
        async with _running(house, pauses) as scrub:
            await pauses.next()
            assert scrub.total == 30 * 86400 * MEGABYTE
    assert sum(pauses.short) == pytest.approx(4.0)


class Listening(Filesystem):
    def __init__(self) -> None:
        self.leisure: set[bool] = set()

    def read_afresh(self, descriptor: int, size: int, offset: int) -> bytes:
        self.leisure.add(reads_at_leisure())
        return super().read_afresh(descriptor, size, offset)


async def test_the_thread_that_reads_gives_way_to_all_others(tmp_path: Path) -> None:
    pauses, disk = Spells(), Listening()
    can = await asyncio.to_thread(read_at_leisure)
    async with house_at(tmp_path, disk=disk) as house, _running_after(house, range(2), pauses):
        await pauses.next()
    assert disk.leisure == {can}


# going on


async def test_a_pass_that_is_broken_off_is_gone_on_with(tmp_path: Path) -> None:
    async with house_at(tmp_path) as house:
        digests = sorted(str(digest) for digest in house.put(*range(10)))
        first = Spells()
        half = asyncio.Event()
        async with _running(house, first) as scrub:
            first.at = lambda: half.set() if scrub.progress.done == 500 else None
            async with asyncio.timeout(10):
                await half.wait()
        noted = read_progress(house.layout)
        assert noted == scrub.progress
        assert noted.after in digests[4:7]
        spoilt = path_of(tmp_path, blob(next(n for n in range(10) if str(blob(n)[0]) == digests[0]))[0])
        _flip_unseen(spoilt)  # it was looked at already
        second = Spells()
        async with _running(house, second, Clock(START + 5)) as scrub:
            await second.next()
            assert scrub.progress == Progress("", done=1000, began=START, finished=START + 5)
        assert spoilt.exists()


async def test_after_a_restart_the_next_pass_begins_when_it_is_due(tmp_path: Path) -> None:
    async with house_at(tmp_path) as house:
        first, second = Spells(), Spells()
        async with _running_after(house, range(2), first):
            await first.next()
        async with _running(house, second, Clock(START + 10 * DAY)):
            await second.next()
    assert second.seconds == [20 * DAY]
    assert second.short == []


@pytest.mark.parametrize("jump", [-3650 * DAY, 0.0])
async def test_a_clock_that_jumps_delays_a_pass_by_no_more_than_a_period(tmp_path: Path, jump: float) -> None:
    async with house_at(tmp_path) as house:
        first, second = Spells(), Spells()
        async with _running_after(house, range(1), first):
            await first.next()
        async with _running(house, second, Clock(START + jump)):
            await second.next()
    assert second.seconds == [30 * DAY]


async def test_a_scrub_that_ends_by_a_fault_of_ours_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async def faulty() -> None:
        raise ZeroDivisionError

    for work in (faulty(), asyncio.sleep(600)):
        task = spawn(work, "scrub")
        task.add_done_callback(tell_of_a_fault)
        await asyncio.sleep(0)
        await end(task)
    assert [record.getMessage() for record in caplog.records] == [
        "the scrub has ended: what the disk loses is found no more"
    ]
