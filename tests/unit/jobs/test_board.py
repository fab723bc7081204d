"""What changes is told once to each who looks, and nothing is kept for them."""

from __future__ import annotations

import asyncio

from mirror.jobs.board import Board
from mirror.tasks import end, spawn


def lines(board: Board, number: int = 0) -> list[object]:
    return [change.line.get("n") for change in board.since(number)]


def test_who_comes_late_is_told_how_things_stand_and_not_how_they_came_about() -> None:
    board = Board()
    for n in range(3):
        board.write("a", n=n)
    board.write("b", n=7)
    board.write("a", n=9)
    assert lines(board) == [7, 9]


def test_who_has_looked_is_told_what_is_new() -> None:
    board = Board()
    board.write("a", n=1)
    board.write("b", n=2)
    seen = board.since(0)[-1].number
    assert lines(board, seen) == []
    board.write("a", n=3)
    assert lines(board, seen) == [3]


def test_it_is_as_long_as_it_has_lines() -> None:
    board = Board()
    for key in ("a", "b", "a"):
        board.write(key)
    assert len(board) == 2


async def test_a_change_and_the_end_wake_who_waits() -> None:
    board = Board()
    board.write("a", n=1)
    waiting = spawn(board.wait(1, 60), "waiting")
    await asyncio.sleep(0)
    assert not waiting.done()
    board.write("b", n=2)
    assert await waiting
    waiting = spawn(board.wait(2, 60), "waiting")
    await asyncio.sleep(0)
    board.close()
    assert await waiting
    assert board.closed
    await end(waiting)


async def test_waiting_has_an_end() -> None:
    assert not await Board().wait(0, 0.01)


async def test_who_is_behind_does_not_wait() -> None:
    board = Board()
    board.write("a", n=1)
    assert await board.wait(0, 0)


async def test_its_end_can_be_waited_for() -> None:
    board = Board()
    board.write("a", n=1)
    assert not await board.over(0.01)
    waiting = spawn(board.over(60), "waiting")
    await asyncio.sleep(0)
    board.write("a", n=2)
    await asyncio.sleep(0)
    assert not waiting.done()
    board.close()
    assert await waiting
