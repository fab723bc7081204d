from __future__ import annotations

import asyncio

import pytest

from mirror.errors import Unreachable
from mirror.upstream.kept_login import KeptLogin
from mirror.upstream.login import Login
from tests.support.clock import Clock


class Source:
    """Gives out a new login each time, or what it is told to; may be held."""

    def __init__(self) -> None:
        self.asked = 0
        self.absent = False
        self.failing = False
        self.same = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def ask(self) -> Login | None:
        self.asked += 1
        number = 1 if self.same else self.asked
        await self.gate.wait()
        if self.failing:
            raise Unreachable("fake: no login")
        return None if self.absent else Login("alice", f"password-{number}")


def _login(number: int) -> Login:
    return Login("alice", f"password-{number}")


async def _settled(kept: KeptLogin) -> None:
    """Until nobody asks any more."""
    async with asyncio.timeout(10):
        while not kept.idle:  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_a_login_is_asked_for_once_while_it_lives() -> None:
    clock, source = Clock(), Source()
    kept = KeptLogin(source.ask, 100, clock)
    assert await kept.get() == _login(1)
    clock.advance(79)
    assert await kept.get() == _login(1)
    assert source.asked == 1


async def test_one_question_serves_all_who_wait_and_one_who_leaves_changes_nothing() -> None:
    source = Source()
    source.gate.clear()
    kept = KeptLogin(source.ask, 100, Clock())
    waiting = [asyncio.ensure_future(kept.get()) for _ in range(20)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    source.gate.set()
    got = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(got[0], asyncio.CancelledError)
    assert set(got[1:]) == {_login(1)}
    assert source.asked == 1


async def test_late_in_its_life_a_login_is_asked_for_anew_and_nobody_waits() -> None:
    clock, source = Clock(), Source()
    kept = KeptLogin(source.ask, 100, clock)
    await kept.get()
    clock.advance(81)
    source.gate.clear()
    assert await kept.get() == _login(1)
    assert await kept.get() == _login(1)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert source.asked == 2
    source.gate.set()
    await _settled(kept)
    assert await kept.get() == _login(2)
    await kept.aclose()


async def test_a_login_that_cannot_be_renewed_is_used_to_its_end_and_asked_for_at_intervals() -> None:
    clock, source = Clock(), Source()
    kept = KeptLogin(source.ask, 100, clock)
    await kept.get()
    source.failing = True
    clock.advance(81)
    assert await kept.get() == _login(1)
    await asyncio.sleep(0)
    await _settled(kept)
    clock.advance(9)
    assert await kept.get() == _login(1)
    await asyncio.sleep(0)
    assert source.asked == 2
    clock.advance(9)
    assert await kept.get() == _login(1)
    await asyncio.sleep(0)
    await _settled(kept)
    assert source.asked == 3
    clock.advance(2)
    with pytest.raises(Unreachable, match="fake: no login"):
        await kept.get()
    assert source.asked == 3


async def test_what_fails_is_left_alone_for_ten_seconds() -> None:
    clock, source = Clock(), Source()
    source.failing = True
    kept = KeptLogin(source.ask, 100, clock)
    for _ in range(5):
        with pytest.raises(Unreachable):
            await kept.get()
    assert source.asked == 1
    clock.advance(10)
    source.failing = False
    assert await kept.get() == _login(2)


async def test_that_there_is_none_is_believed_for_a_minute() -> None:
    clock, source = Clock(), Source()
    source.absent = True
    kept = KeptLogin(source.ask, 3600, clock)
    assert await kept.get() is None
    clock.advance(47)
    assert await kept.get() is None
    assert source.asked == 1
    source.absent = False
    clock.advance(14)
    assert await kept.get() == _login(2)


async def test_a_refused_login_is_asked_for_anew_unless_it_has_just_been_got() -> None:
    clock, source = Clock(), Source()
    kept = KeptLogin(source.ask, 100, clock)
    await kept.get()
    kept.doubt(_login(1))
    assert await kept.get() == _login(1)
    clock.advance(10)
    kept.doubt(_login(7))
    assert await kept.get() == _login(1)
    kept.doubt(_login(1))
    assert await kept.get() == _login(2)


async def test_a_refused_login_is_used_on_where_it_is_good_when_no_other_can_be_had() -> None:
    clock, source = Clock(), Source()
    kept = KeptLogin(source.ask, 100, clock)
    await kept.get()
    source.failing = True
    clock.advance(10)
    kept.doubt(_login(1))
    assert [await kept.get() for _ in range(5)] == [_login(1)] * 5
    assert source.asked == 2
    source.failing = False
    clock.advance(10)
    assert await kept.get() == _login(1)
    kept.doubt(_login(1))
    assert await kept.get() == _login(3)


async def test_a_refused_login_is_used_no_longer_than_it_lives() -> None:
    clock, source = Clock(), Source()
    kept = KeptLogin(source.ask, 100, clock)
    await kept.get()
    source.failing = True
    clock.advance(70)
    kept.doubt(_login(1))
    assert await kept.get() == _login(1)
    clock.advance(30)
    with pytest.raises(Unreachable, match="fake: no login"):
        await kept.get()


async def test_closing_ends_a_question_under_way() -> None:
    clock, source = Clock(), Source()
    kept = KeptLogin(source.ask, 100, clock)
    await kept.get()
    source.gate.clear()
    clock.advance(81)
    await kept.get()
    await asyncio.sleep(0)
    await kept.aclose()
    assert {task.get_name() for task in asyncio.all_tasks()}.isdisjoint({"login", "login-renewal"})
