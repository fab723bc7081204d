"""A growing file: how far readers may go, who is woken, what they hear of its end, and how long it stays open."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from mirror.errors import Code, Interrupted, MirrorError, SizeMismatch, Unreachable
from mirror.pull.growth import Growth
from mirror.tasks import end, spawn


def grown(total: int | None, progress: int) -> Growth:
    growth = Growth()
    growth.begin(total, progress)
    return growth


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def opened(path: Path) -> int:
    path.write_bytes(b"blob")
    return os.open(path, os.O_RDONLY)


@pytest.mark.parametrize(
    ("total", "progress", "available"),
    [
        (100, 0, 0),
        (100, 1, 1),
        (100, 99, 99),
        (100, 100, 99),
        (1, 0, 0),
        (1, 1, 0),
        (0, 0, 0),
        (None, 0, 0),
        (None, 1, 0),
        (None, 100, 99),
    ],
)
def test_the_last_byte_is_withheld_until_all_are_verified(total: int | None, progress: int, available: int) -> None:
    growth = grown(total, progress)
    assert growth.available == available
    growth.complete(progress)
    assert growth.available == progress


async def test_nothing_has_begun_before_somebody_says_so() -> None:
    growth = Growth()
    waiting = spawn(growth.begun(), "waiting")
    await asyncio.sleep(0)
    assert not growth.has_begun
    assert not waiting.done()
    growth.begin(5, 0)
    await waiting
    assert growth.has_begun


async def test_the_size_is_what_was_said_first_until_the_whole_is_there() -> None:
    growth = grown(None, 0)
    growth.begin(100, 50)
    assert growth.total is None
    growth.complete(100)
    assert growth.total == 100


@pytest.mark.parametrize(("total", "progress"), [(99, 50), (101, 50), (None, 101)])
async def test_a_whole_of_another_size_than_readers_were_told_is_a_failure(total: int | None, progress: int) -> None:
    growth = grown(total, progress)
    growth.complete(100)
    assert not growth.verified
    with pytest.raises(SizeMismatch):
        await growth.ready(progress)


async def test_growing_wakes_every_reader_who_can_go_on() -> None:
    growth = grown(100, 0)
    readers = [spawn(growth.ready(offset), f"reader at {offset}") for offset in (0, 5, 9, 10)]
    await asyncio.sleep(0)
    growth.proceed(10)
    assert await asyncio.gather(*readers[:3]) == [10, 10, 10]
    assert not readers[3].done()
    growth.proceed(11)
    assert await readers[3] == 11


async def test_the_end_is_told_by_an_offset_that_does_not_move() -> None:
    growth = grown(10, 10)
    assert await growth.ready(0) == 9
    last = spawn(growth.ready(9), "reader of the last byte")
    await asyncio.sleep(0)
    assert not last.done()
    growth.complete(10)
    assert await last == 10
    assert await growth.ready(10) == 10


async def test_a_failure_reaches_every_reader_as_the_same_exception() -> None:
    growth = Growth()
    early = [spawn(growth.begun(), "before the beginning"), spawn(growth.ready(0), "before the first byte")]
    await asyncio.sleep(0)
    failure = Interrupted("broken")
    growth.fail(failure)
    late = [spawn(growth.begun(), "late"), spawn(growth.ready(3), "late reader")]
    heard = await asyncio.gather(*early, *late, return_exceptions=True)
    assert all(error is failure for error in heard)


async def test_what_was_granted_before_a_failure_can_still_be_read() -> None:
    growth = grown(10, 5)
    growth.fail(Unreachable("gone"))
    assert await growth.ready(0) == 5
    with pytest.raises(Unreachable):
        await growth.ready(5)


async def test_what_is_complete_cannot_fail_any_more() -> None:
    growth = grown(10, 10)
    growth.complete(10)
    growth.fail(Unreachable("too late"))
    growth.end()
    assert growth.failure is None
    assert await growth.ready(0) == 10


async def test_an_end_without_a_word_is_a_failure() -> None:
    growth = grown(10, 5)
    waiting = spawn(growth.ready(5), "reader")
    await asyncio.sleep(0)
    growth.end()
    with pytest.raises(MirrorError) as failure:
        await waiting
    assert failure.value.code is Code.INTERNAL


async def test_a_reader_that_leaves_changes_nothing() -> None:
    growth = grown(10, 0)
    leaving, staying = spawn(growth.ready(0), "leaving"), spawn(growth.ready(0), "staying")
    await asyncio.sleep(0)
    await end(leaving)
    growth.proceed(3)
    assert await staying == 3


def test_the_file_is_closed_by_whoever_is_last(tmp_path: Path) -> None:
    growth = Growth()
    descriptor = growth.descriptor = opened(tmp_path / "data")
    first, last = growth.hold(), growth.hold()
    growth.release(first)
    growth.release(first)
    growth.end()
    assert is_open(descriptor)
    growth.release(last)
    assert not is_open(descriptor)
    assert growth.descriptor == -1


def test_that_it_has_ended_and_nobody_reads_any_more_is_told_once() -> None:
    growth, told = Growth(), []
    growth.on_closed = lambda: told.append(True)
    first, second = growth.hold(), growth.hold()
    growth.release(first)
    growth.end()
    assert told == []
    growth.release(second)
    growth.release(second)
    assert told == [True]


def test_a_file_that_nobody_holds_is_closed_at_the_end(tmp_path: Path) -> None:
    growth = Growth()
    descriptor = growth.descriptor = opened(tmp_path / "data")
    growth.release(growth.hold())
    assert is_open(descriptor)
    growth.end()
    assert not is_open(descriptor)


def two_files(tmp_path: Path) -> tuple[Growth, int, int]:
    """A growth of which 100 bytes are in the first file, and 50 more in the second."""
    growth = grown(1000, 100)
    growth.descriptor = opened(tmp_path / "first")
    growth.turn(opened(tmp_path / "second"), 100)
    growth.proceed(150)
    return growth, growth.descriptor_at(99), growth.descriptor_at(100)


async def test_after_a_turn_readers_read_up_to_it_and_from_there_on_elsewhere(tmp_path: Path) -> None:
    growth, first, second = two_files(tmp_path)
    assert (await growth.ready(0), await growth.ready(99)) == (100, 100)
    assert (await growth.ready(100), await growth.ready(149)) == (150, 150)
    assert (growth.descriptor_at(0), growth.descriptor_at(120)) == (first, second)
    growth.fail(Interrupted("over"))
    growth.end()
    assert not is_open(first)
    assert not is_open(second)


async def test_a_second_turn_closes_what_nobody_has_read(tmp_path: Path) -> None:
    growth, first, second = two_files(tmp_path)
    third = opened(tmp_path / "third")
    growth.turn(third, 0)
    assert not is_open(second)
    assert growth.descriptor_at(0) == third
    growth.end()
    assert not is_open(first)
    assert not is_open(third)


async def test_there_is_room_as_long_as_the_slowest_keeps_up(tmp_path: Path) -> None:
    growth, _, _ = two_files(tmp_path)
    slow, fast = growth.hold(), growth.hold()
    assert await growth.room(51) == 0
    growth.move(fast, 150)
    waiting = spawn(growth.room(50), "waiting")
    await asyncio.sleep(0)
    growth.move(slow, 100)
    await asyncio.sleep(0)
    assert not waiting.done()
    growth.move(slow, 101)
    assert await waiting == 101
    assert not growth.from_the_beginning
    growth.end()


async def test_who_is_still_in_the_first_file_is_waited_for_without_a_loss(tmp_path: Path) -> None:
    growth, _, _ = two_files(tmp_path)
    place = growth.hold()
    growth.move(place, 60)
    assert await growth.room(51) == 60
    assert growth.from_the_beginning
    waiting = spawn(growth.room(50), "waiting")
    await asyncio.sleep(0)
    assert not waiting.done()
    growth.release(place)
    assert await waiting == 150
    growth.end()


def filled(path: Path, data: bytes) -> int:
    path.write_bytes(data)
    return os.open(path, os.O_RDONLY)


def test_before_anything_was_there_any_file_may_be_read_in(tmp_path: Path) -> None:
    growth = Growth()
    first, second = filled(tmp_path / "a", b"abc"), filled(tmp_path / "b", b"abcd")
    assert growth.read_in(first, 0)
    growth.begin(10, 0)
    assert growth.read_in(second, 4)
    assert (growth.descriptor, growth.progress) == (second, 4)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(first)
    growth.end()


def test_afterwards_it_is_the_same_file_with_no_less_in_it(tmp_path: Path) -> None:
    growth = Growth()
    path = tmp_path / "a"
    growth.read_in(filled(path, b"abc"), 3)
    growth.begin(10, 3)
    other = filled(tmp_path / "b", b"abcd")
    assert not growth.read_in(other, 4)
    shorter = os.open(path, os.O_RDONLY)
    assert not growth.read_in(shorter, 2)
    assert growth.read_in(os.open(path, os.O_RDONLY), 3)
    assert not growth.is_orphaned
    path.unlink()
    assert growth.is_orphaned
    for descriptor in (other, shorter):
        os.close(descriptor)
    growth.end()


def test_whoever_wants_to_know_hears_of_all_that_changes(tmp_path: Path) -> None:
    growth = Growth()
    heard: list[tuple[int, bool, bool]] = []
    growth.on_grown = lambda: heard.append((growth.progress, growth.has_turned, growth.verified))
    growth.begin(3, 1)
    growth.proceed(2)
    growth.turn(filled(tmp_path / "a", b"abc"), 2)
    growth.complete(3)
    assert heard == [(1, False, False), (2, False, False), (2, True, False), (3, True, True)]
    growth.end()


def test_descriptors_are_closed_by_whom_it_is_told(tmp_path: Path) -> None:
    closed: list[int] = []
    growth = Growth(closed.append)
    first, second, third = (opened(tmp_path / name) for name in "abc")
    try:
        growth.begin(8, 0)
        assert growth.read_in(first, 0)
        assert growth.read_in(second, 4)
        growth.turn(third, 4)
        growth.complete(8)
        place = growth.hold()
        growth.end()
        assert closed == [first]
        growth.release(place)
        assert closed == [first, second, third]
    finally:
        for descriptor in (first, second, third):
            os.close(descriptor)
