"""What housekeeping does round after round."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from mirror.store.catalog import Key, Note
from mirror.store.filesystem import Filesystem
from mirror.store.images import Images
from mirror.store.rounds import Rounds
from mirror.tasks import end, spawn
from tests.support.caches import blob, path_of, published, room_of
from tests.support.clock import Clock
from tests.support.houses import House, house_at
from tests.support.pauses import Pauses
from tests.support.stocked import UPSTREAM

NOW, YEAR = 4_000_000_000.0, 365 * 86400.0  # later than what blobs are put by


@asynccontextmanager
async def going_round(rounds: Rounds) -> AsyncIterator[Pauses]:
    """They go on, and the first of them is over."""
    pauses = Pauses()
    task = spawn(rounds.run(pauses.pause), "housekeeping")
    try:
        await pauses.next()
        yield pauses
    finally:
        await end(task)


async def test_the_files_are_counted_then_the_bounds_kept_round_after_round(tmp_path: Path) -> None:
    async with house_at(tmp_path, room_of(1000)) as house:
        for number in range(11):
            digest, data = blob(number)
            path_of(tmp_path, digest).write_bytes(data)
            os.utime(path_of(tmp_path, digest), (number, number))
        pauses = Pauses()
        task = spawn(house.rounds.run(pauses.pause), "housekeeping")
        await pauses.next()
        assert (house.keeping.size, len(published(tmp_path))) == (900, 9)  # with an index that knew none of them
        oldest = blob(2)[0]
        house.keeping.used(str(oldest), time.time())
        house.put(100, 101)
        pauses.go_on()
        await pauses.next()
        assert house.keeping.size == 900
        assert path_of(tmp_path, oldest).exists()  # its use was noted before anything went
        assert pauses.seconds == [5.0, 5.0]
        await end(task)
        assert task.cancelled()


async def test_what_was_used_before_a_clock_was_set_back_does_not_outlive_what_is_used_now(tmp_path: Path) -> None:
    async with house_at(tmp_path, room_of(340)) as house:
        oldest, older = house.put(1, 2)
        later = time.time() + 365 * 86400.0
        house.keeping.used(str(oldest), later)
        house.keeping.used(str(older), later + 10)
        house.keeping.note_uses()
        async with going_round(house.rounds) as pauses:
            house.put(3)
            house.keeping.used(str(older), time.time() + 1)
            house.put(4)
            pauses.go_on()
            await pauses.next()
            assert published(tmp_path) == sorted(str(blob(number)[0]) for number in (2, 3, 4))


async def test_a_clock_that_is_behind_for_a_moment_changes_no_pull(tmp_path: Path) -> None:
    wall = Clock(NOW - YEAR)
    async with pulled_and_set_back(tmp_path, wall) as (house, pauses):
        wall.advance(YEAR)
        for _ in range(120):
            pauses.go_on()
            await pauses.next()
        assert await _last_pulls(house) == [NOW]


async def test_a_clock_that_has_been_behind_for_ten_minutes_in_a_row_is_believed(tmp_path: Path) -> None:
    wall = Clock(NOW - YEAR)
    async with pulled_and_set_back(tmp_path, wall) as (house, pauses):
        for jump in (YEAR, -YEAR, *[0.0] * 118):
            wall.advance(jump)
            pauses.go_on()
            await pauses.next()
        assert await _last_pulls(house) == [NOW]  # it was right for a moment
        pauses.go_on()
        await pauses.next()
        assert await _last_pulls(house) == [NOW - YEAR]


@asynccontextmanager
async def pulled_and_set_back(root: Path, wall: Clock) -> AsyncIterator[tuple[House, Pauses]]:
    """An image was pulled at `NOW`, and there has been one round since, by this clock."""
    async with house_at(root) as house:
        (digest,) = house.put(1)
        house.keeping.used(str(digest), NOW)
        house.pulls.pulled((UPSTREAM, "app", str(digest)), NOW)
        house.keeping.note_uses()
        await house.databases.flush()
        rounds = Rounds(house.layout, house.databases, house.blobs.quarantine, house.keeping, wall)
        async with going_round(rounds) as pauses:
            yield house, pauses


async def _last_pulls(house: House) -> list[float]:
    await house.databases.flush()
    images = await house.databases.on_thread(lambda index, _: Images(index).list())
    return [one.last_pull for one in images]


async def test_leftovers_are_cleared_away_in_the_first_round_and_every_ten_minutes(tmp_path: Path) -> None:
    async with house_at(tmp_path) as house:
        leftover = tmp_path / "ingest" / f"sha256-{blob(1)[0].encoded}"
        leftover.touch()  # in the way of an ingest
        async with going_round(house.rounds) as pauses:
            assert not leftover.exists()
            leftover.touch()
            for _ in range(119):
                pauses.go_on()
                await pauses.next()
            assert leftover.exists()
            pauses.go_on()
            await pauses.next()
            assert not leftover.exists()
            assert sum(pauses.seconds[:120]) == 600.0


async def test_a_quarantine_that_grows_is_cleared_in_the_next_round(tmp_path: Path) -> None:
    async with house_at(tmp_path) as house, going_round(house.rounds) as pauses:
        for digest in house.put(*range(20)):
            house.blobs.quarantine.take(digest)
        assert len(list((tmp_path / "quarantine").iterdir())) == 20
        pauses.go_on()
        await pauses.next()
        assert len(list((tmp_path / "quarantine").iterdir())) == 16


async def test_clearing_removes_what_has_run_out(tmp_path: Path) -> None:
    async with house_at(tmp_path) as house:
        note = Note(Key("absent", "u", "r", "t"), {"since": 0, "until": 1}, -1.0)
        house.databases.write_catalog.submit(lambda catalog: catalog.write(note))
        await house.rounds.clear()
        assert await house.databases.on_thread(lambda _, catalog: list(catalog._cache.iterkeys())) == []


class Immeasurable(Filesystem):
    def space(self, directory: int) -> tuple[int, int]:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


async def test_a_disk_that_does_not_tell_its_size_ends_nothing(tmp_path: Path) -> None:
    async with house_at(tmp_path, disk=Immeasurable()) as house:
        house.put(1)
        assert house.keeping.limit == 0
        assert await house.keeping.evict() == 0


async def test_a_blob_that_is_found_before_it_is_reported_is_counted_once_in_the_end(tmp_path: Path) -> None:
    async with house_at(tmp_path) as house:
        path_of(tmp_path, blob(1)[0]).write_bytes(blob(1)[1])
        await house.rounds.reconcile()
        house.put(1)
        assert house.keeping.size == 200
        await house.keeping.evict()
        assert house.keeping.size == 100
