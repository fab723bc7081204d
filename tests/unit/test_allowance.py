"""Bytes that pass no faster than they may, in order, and by a clock that the test moves."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.allowance import OPEN, Allowance, Bucket, Turnstile, allowance, turnstile
from mirror.config.bandwidth import Window
from mirror.tasks import end, spawn
from tests.support.clock import Clock

MB = 1_000_000
BURST = MB // 8  # bytes that may pass at once at a megabyte a second


class Line:
    """An allowance whose time passes when everybody waits: each sleep moves the clock to where the first one ends."""

    def __init__(self, rate: float | None = MB) -> None:
        self.rate = rate
        self.clock = Clock()
        self.slept: list[float] = []
        self.waiting = asyncio.Event()
        self.allowance = Allowance(lambda: self.rate, self.clock, self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.waiting.set()
        until = self.clock() + seconds
        for _ in range(20):  # others come to wait, too
            await asyncio.sleep(0)
        self.clock.advance(max(until - self.clock(), 0.0))

    async def take(self, count: int) -> float:
        """When so many bytes have passed, in seconds since the beginning."""
        await Turnstile((self.allowance,)).through(count)
        return self.clock() - 1000


async def test_a_burst_passes_at_once_and_then_the_rate_counts() -> None:
    line = Line()
    assert await line.take(BURST) == 0
    assert await line.take(MB) == pytest.approx(1.0)
    assert await line.take(MB) == pytest.approx(2.0)


async def test_no_more_than_a_burst_is_saved_up() -> None:
    line = Line()
    await line.take(BURST)
    line.clock.advance(3600)
    began = line.clock()
    await line.take(BURST)
    assert line.clock() == began
    await line.take(MB)
    assert line.clock() == pytest.approx(began + 1)


async def test_a_clock_that_stands_still_gives_nothing() -> None:
    bucket = Bucket()
    ticket = bucket.take(MB, 1000.0, MB)
    assert bucket.wait(ticket, 1000.0, MB) == bucket.wait(ticket, 1000.0, MB) == pytest.approx(1 - 1 / 8)


async def test_they_pass_in_the_order_of_their_coming() -> None:
    line = Line()
    passed: list[int] = []

    async def one(number: int) -> None:
        await line.take(BURST)
        passed.append(number)

    await asyncio.gather(*(spawn(one(number), "one") for number in range(20)))
    assert passed == list(range(20))
    assert line.clock() - 1000 == pytest.approx(19 / 8)


async def test_without_a_rate_nobody_waits() -> None:
    line = Line(None)
    assert await line.take(10**12) == 0
    assert line.allowance.portion(10**9) == 10**9
    line.rate = MB
    assert await line.take(BURST) == 1 / 8  # and what passed by then is no debt


async def test_a_rate_that_rises_is_noticed_by_who_waits_within_a_second() -> None:
    line = Line()
    waiting = spawn(line.take(3600 * MB), "waiting")
    await line.waiting.wait()
    line.rate = None
    assert await waiting <= 1.0
    assert max(line.slept) <= 1.0


async def test_a_portion_is_small_where_the_rate_is() -> None:
    assert [Line(rate).allowance.portion(256 * 1024) for rate in (None, 1e9, 80_000.0, 1.0)] == [
        256 * 1024,
        256 * 1024,
        10_000,
        2048,
    ]


async def test_who_leaves_gives_back_what_has_not_passed() -> None:
    line, stuck = Line(), asyncio.Event()
    waiting = asyncio.Event()

    async def never(_: float) -> None:
        waiting.set()
        await stuck.wait()

    closed = Allowance(lambda: MB, line.clock, never)
    closed.take(10 * MB)
    leaver = spawn(Turnstile((line.allowance, closed)).through(BURST), "leaver")
    await waiting.wait()
    await end(leaver)
    assert await line.take(BURST) == 0


async def test_bytes_that_have_passed_already_are_waited_for_by_the_next() -> None:
    line = Line()
    Turnstile((line.allowance,)).take(MB + BURST)
    assert await line.take(BURST) == pytest.approx(1 + 1 / 8)


async def test_what_goes_through_two_limits_keeps_to_the_slower() -> None:
    fast, slow = Line(10 * MB), Line(MB)
    both = turnstile(fast.allowance, None, slow.allowance)
    assert both.portion(10**9) == BURST
    for _ in range(9):
        await both.through(BURST)
    assert slow.clock() - 1000 == pytest.approx(1.0)


async def test_an_open_turnstile_holds_nothing() -> None:
    await OPEN.through(10**12)
    OPEN.take(10**12)
    OPEN.give_back(1)
    assert OPEN.portion(5) == 5
    assert turnstile(None, None) == OPEN


@given(
    st.lists(st.tuples(st.integers(1, 300_000), st.floats(0, 2), st.booleans()), min_size=1, max_size=40),
    st.floats(16_384, 1e8),
)
def test_in_no_span_does_more_pass_than_the_rate_and_one_burst(
    steps: list[tuple[int, float, bool]], rate: float
) -> None:
    """Whoever waits for his tickets, and however long everybody rests in between."""
    bucket, now, passed = Bucket(), 0.0, [(0.0, 0)]
    for count, rest, _ in steps:
        now += rest
        now += bucket.wait(bucket.take(count, now, rate), now, rate)
        passed.append((now, count))
    for first in range(1, len(passed)):
        total = 0
        for when, count in passed[first:]:
            total += count
            allowed = rate * (when - passed[first][0]) + rate / 8 + passed[first][1]
            assert total <= allowed * (1 + 1e-6) + 1


def test_what_an_operator_wrote_applies_by_local_time() -> None:
    assert allowance(()) is None
    made = allowance((Window(80_000.0, 0, 1440),))
    assert made is not None
    assert made.portion(10**9) == 10_000
    today = datetime.now().astimezone().weekday()
    others = frozenset(day for day in range(7) if (day - today) % 7 > 1)
    elsewhere = allowance((Window(80_000.0, days=others),))
    assert elsewhere is not None
    assert elsewhere.portion(10**9) == 10**9
