from __future__ import annotations

import asyncio

import pytest

from mirror.errors import Code, Unreachable
from mirror.tasks import end, spawn
from mirror.upstream.pacing import Bounds, Pace
from tests.support.clock import Clock


class Sleeps:
    """Waits for nothing, and writes down for how long somebody would have waited."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.asked.append(round(seconds, 6))


async def _turns(pace: Pace, number: int) -> None:
    for _ in range(number):
        (await pace.turn())()


async def test_without_a_rate_nobody_waits() -> None:
    sleeps = Sleeps()
    await _turns(Pace("fake", Bounds(1, None, 5), Clock(), sleeps), 100)
    assert sleeps.asked == []


async def test_what_begins_is_spread_over_the_time() -> None:
    sleeps = Sleeps()
    await _turns(Pace("fake", Bounds(9, 0.5, 100), Clock(), sleeps), 4)
    assert sleeps.asked == [2, 4, 6]


async def test_what_a_second_allows_may_come_at_once() -> None:
    sleeps, clock = Sleeps(), Clock()
    pace = Pace("fake", Bounds(9, 4, 100), clock, sleeps)
    await _turns(pace, 6)
    assert sleeps.asked == [0.25, 0.5]
    clock.advance(0.5)  # until the last of them has begun
    await _turns(pace, 1)
    assert sleeps.asked == [0.25, 0.5, 0.25]
    clock.advance(3600)  # an hour saves up no more than a second
    await _turns(pace, 5)
    assert sleeps.asked == [0.25, 0.5, 0.25, 0.25]


async def test_who_would_wait_too_long_is_told_at_once() -> None:
    sleeps, clock = Sleeps(), Clock()
    pace = Pace("fake", Bounds(9, 0.1, 15), clock, sleeps)
    await _turns(pace, 2)
    with pytest.raises(Unreachable, match=r"^fake: too many requests are waiting") as caught:
        await pace.turn()
    assert (caught.value.code, caught.value.retry_after) == (Code.BUSY, 20)
    assert sleeps.asked == [10]
    clock.advance(10)
    await _turns(pace, 1)  # who was refused has taken nobody's turn
    assert sleeps.asked == [10, 10]


async def test_turns_are_taken_in_the_order_of_arrival() -> None:
    pace, order = Pace("fake", Bounds(1, None, 5)), []

    async def wait(number: int) -> None:
        over = await pace.turn()
        order.append(number)
        over()

    first = await pace.turn()
    waiting = [spawn(wait(number), "turn") for number in range(5)]
    await asyncio.sleep(0)
    assert order == []
    first()
    await asyncio.gather(*waiting)
    assert order == [0, 1, 2, 3, 4]


async def test_a_place_that_does_not_come_in_time_is_not_waited_for() -> None:
    pace = Pace("fake", Bounds(1, None, 0.05))
    over = await pace.turn()
    with pytest.raises(Unreachable) as caught:
        await pace.turn()
    assert (caught.value.code, caught.value.retry_after) == (Code.BUSY, 1)
    over()
    (await pace.turn())()


async def test_a_turn_ends_once() -> None:
    pace = Pace("fake", Bounds(1, None, 0.05))
    over = await pace.turn()
    over()
    over()
    await pace.turn()
    with pytest.raises(Unreachable):
        await pace.turn()


async def test_who_leaves_while_waiting_leaves_the_place_to_others() -> None:
    async def forever(_: float) -> None:
        await asyncio.get_running_loop().create_future()

    pace = Pace("fake", Bounds(1, 1, 5), Clock(), forever)
    (await pace.turn())()
    waiting = spawn(pace.turn(), "turn")
    await asyncio.sleep(0)
    assert not waiting.done()
    await end(waiting)
    next_one = spawn(pace.turn(), "turn")
    await asyncio.sleep(0)
    assert not next_one.done()  # it has the place, and waits for its time
    await end(next_one)
