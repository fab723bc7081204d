"""Stretches cover what lies ahead without a gap and without an overlap, in whatever order they come."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.pull.stretches import Extent, Stretch, Stretches
from mirror.store.filesystem import Filesystem
from mirror.store.runs import Run, Runs

EXTENT = Extent(length=4, window=16)
MEMORY = "/dev/shm"  # nothing here is about the disk, of which it takes thousands of calls


@pytest.fixture
def runs(tmp_path: os.PathLike[str]) -> Iterator[Runs]:
    opened = Runs(Filesystem(), os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY))
    yield opened
    opened.close()


def kept(runs: Runs, start: int, data: bytes) -> Run:
    run = runs.begin(start)
    run.append(data)
    return run


def test_before_there_is_a_cursor_there_is_no_new_one() -> None:
    assert Stretches(EXTENT).new(0, 100) is None


def test_new_ones_follow_one_another_within_the_window() -> None:
    stretches = Stretches(EXTENT)
    stretches.cursor = 5
    new = [stretches.new(3, 1000) for _ in range(5)]
    assert [(one.start, one.stop) for one in new if one] == [(5, 9), (9, 13), (13, 17), (17, 21)]
    assert new[-1] is None
    last = stretches.new(9, 1000)
    assert last is not None
    assert last.start == 21


def test_the_last_one_ends_with_the_blob() -> None:
    stretches = Stretches(EXTENT)
    stretches.cursor = 0
    new = [stretches.new(0, 6) for _ in range(3)]
    assert [(one.start, one.stop) for one in new if one] == [(0, 4), (4, 6)]


def test_what_an_earlier_try_left_is_not_brought_again(runs: Runs) -> None:
    stretches = Stretches(EXTENT)
    stretches.add(Stretch(6, 9, kept(runs, 6, b"abc")))
    stretches.cursor = 3
    new = [stretches.new(3, 12) for _ in range(3)]
    assert [(one.start, one.stop) for one in new if one] == [(3, 6), (9, 12)]


def test_one_that_was_left_in_the_middle_is_offered_again(runs: Runs) -> None:
    stretches = Stretches(EXTENT)
    stretches.cursor = 0
    one, two = stretches.new(0, 100), stretches.new(0, 100)
    assert one is not None
    assert two is not None
    assert stretches.unfinished() is None
    two.run, two.taken = kept(runs, 4, b"xy"), False
    assert stretches.unfinished() is two
    assert (two.end, two.promised) == (6, 6)
    assert (stretches.at(5), stretches.at(6)) == (two, None)


def test_the_edge_is_where_the_next_one_begins_that_can_be_counted_on(runs: Runs) -> None:
    stretches = Stretches(EXTENT)
    stretches.add(Stretch(4, 8))  # left before its first byte
    stretches.add(Stretch(8, 12, kept(runs, 8, b"x")))
    assert stretches.edge(0) == 8
    assert stretches.edge(8) is None
    assert stretches.at(4) is None


def test_what_the_blob_has_passed_is_forgotten(runs: Runs) -> None:
    stretches = Stretches(EXTENT)
    half = Stretch(0, 4, kept(runs, 0, b"ab"))
    taken = Stretch(4, 8, taken=True)
    stretches.add(taken)
    stretches.add(half)
    assert stretches.passed(1) == []
    assert stretches.passed(2) == [half]
    assert stretches.all == [taken]
    assert stretches.passed(8) == [taken]


@given(st.randoms(use_true_random=True), st.integers(0, 60), st.integers(1, 60))
def test_in_whatever_order_they_come_each_byte_comes_once(random: object, offset: int, total: int) -> None:
    """Connections that take, bring a few bytes of, leave and finish stretches at random, beside one that appends."""
    pick = getattr(random, "randrange")  # noqa: B009
    stretches, brought = Stretches(EXTENT), []
    offset = min(offset, total)
    first = stretches.cursor = min(offset + EXTENT.length, total)
    with tempfile.TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as directory:
        runs = Runs(Filesystem(), os.open(directory, os.O_RDONLY | os.O_DIRECTORY))
        at_work: list[Stretch] = []
        offset = first
        for _ in range(2000):
            if offset >= total:
                break
            choice = pick(4)
            if choice == 0 and len(at_work) < 4:
                one = stretches.unfinished() or stretches.new(offset, total)
                if one is not None:
                    one.taken = True
                    at_work.append(one)
            elif choice in (1, 2) and at_work:
                one = at_work[pick(len(at_work))]
                if one.run is None:
                    one.run = runs.begin(one.start)
                brought.append(one.end)
                one.run.append(bytes([one.end]))
                if one.end == one.stop or pick(5) == 0:
                    one.taken = False
                    at_work.remove(one)
            elif choice == 3:
                current = stretches.at(offset)
                if current is not None and current.run is not None and current.end > offset:
                    assert current.run.read(offset, 1) == bytes([offset])
                    offset += 1
                for gone in stretches.passed(offset):
                    if gone.run is not None:
                        runs.remove(gone.run)
        assert offset == total
        assert sorted(brought) == list(range(first, total))
        assert os.listdir(directory) == [] or offset == first
        runs.close()
