"""Marks are seen by the others, and by nobody who set them; a fork sees what the other process marks."""

from __future__ import annotations

import os

import pytest

from mirror.marks import PLACES, Marks

# A test run has threads of its own, which the child does nothing with.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")


def test_a_mark_is_seen_by_the_others_until_it_is_cleared() -> None:
    marks = Marks(3)
    marks.set(1, PLACES - 1)
    assert [marks.is_set_elsewhere(number, PLACES - 1) for number in range(3)] == [True, False, True]
    assert not any(marks.is_set_elsewhere(number, 0) for number in range(3))
    marks.clear(1, PLACES - 1)
    assert not marks.is_set_elsewhere(0, PLACES - 1)


def test_what_is_marked_by_several_is_seen_until_the_last_of_them_clears_it() -> None:
    marks = Marks(3)
    marks.set(1, 7)
    marks.set(2, 7)
    marks.clear(1, 7)
    assert marks.is_set_elsewhere(0, 7)
    assert not marks.is_set_elsewhere(2, 7)


def test_a_row_is_wiped_and_no_other() -> None:
    marks = Marks(2)
    for number in range(2):
        for place in (0, PLACES - 1):
            marks.set(number, place)
    marks.wipe(0)
    assert [marks.is_set_elsewhere(1, place) for place in (0, PLACES - 1)] == [False, False]
    assert [marks.is_set_elsewhere(0, place) for place in (0, PLACES - 1)] == [True, True]


def test_one_alone_sees_nothing() -> None:
    marks = Marks(1)
    marks.set(0, 1)
    assert not marks.is_set_elsewhere(0, 1)


def test_what_another_process_marks_is_seen_here() -> None:
    marks = Marks(2)
    pid = os.fork()
    if pid == 0:
        marks.set(1, 5)
        os._exit(0)
    os.waitpid(pid, 0)
    assert marks.is_set_elsewhere(0, 5)
