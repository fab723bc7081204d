"""Who is there, as all of them see it."""

from __future__ import annotations

import os

import pytest

from mirror.workers.board import LATELY, Board, Row
from tests.support.clock import Clock

# A test run has threads of its own, which the child does nothing with.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")


def test_a_board_is_empty_at_first() -> None:
    board = Board(3)
    assert board.row(2) == Row(False, 0, 0, 0.0)
    assert (board.there, board.restarts, board.missing()) == (0, 0, 0)


def test_workers_come_and_go_and_their_successors_are_counted() -> None:
    board = Board(2)
    board.began(0, 1)
    board.began(1, 2)
    assert (board.there, board.restarts) == (2, 0)
    board.ended(1)
    assert (board.there, board.restarts) == (1, 0)
    board.began(1, 3)
    assert (board.there, board.restarts, board.row(1).incarnation) == (2, 1, 3)


def test_only_a_worker_that_serves_is_not_missing() -> None:
    clock = Clock()
    board = Board(2, clock)
    for number in range(2):
        board.began(number, number + 1)
        board.beat(number, serves=number == 0)
    assert board.missing() == 1
    board.beat(1, serves=True)
    assert board.missing() is None


def test_one_that_served_lately_is_not_missing_and_after_a_while_it_is() -> None:
    clock = Clock()
    board = Board(1, clock)
    board.began(0, 1)
    board.beat(0, serves=True)
    board.ended(0)
    board.began(0, 2)
    clock.advance(LATELY)
    assert board.missing() is None
    clock.advance(0.1)
    assert board.missing() == 0


def test_a_sign_of_life_counts_though_it_does_not_serve_any_more() -> None:
    clock = Clock()
    board = Board(1, clock)
    board.began(0, 1)
    board.beat(0, serves=True)
    served = board.row(0).served
    clock.advance(1)
    board.beat(0, serves=False)
    assert board.row(0) == Row(True, 1, 2, served)


@pytest.mark.parametrize("number", [-1, 2])
def test_there_is_no_other_row(number: int) -> None:
    with pytest.raises(IndexError):
        Board(2).row(number)


def test_what_a_child_writes_is_seen_by_all() -> None:
    board = Board(2)
    board.began(1, 7)
    child = os.fork()
    if child == 0:
        board.beat(1, serves=True)
        os._exit(0)
    os.waitpid(child, 0)
    assert (board.row(1).beats, board.row(1).incarnation) == (1, 7)
