"""What flights do beyond their contract: they count, they close, and they keep quiet about their keys."""

from __future__ import annotations

import asyncio

import pytest

from mirror.errors import Code, Refused
from mirror.flights import Flights
from mirror.tasks import spawn


async def _never() -> str:
    await asyncio.Event().wait()
    raise RuntimeError


async def test_closing_ends_the_calls_and_their_waiters() -> None:
    flights: Flights[str, str] = Flights("test")
    waiters = [spawn(flights.join(key, _never), key) for key in ("one", "two")]
    await asyncio.sleep(0)
    assert len(flights) == 2
    await flights.aclose()
    assert await asyncio.gather(*waiters, return_exceptions=True) != []
    assert all(waiter.cancelled() for waiter in waiters)
    assert len(flights) == 0


async def test_closing_without_calls_under_way_is_harmless() -> None:
    flights: Flights[str, str] = Flights("test")
    await flights.aclose()
    await flights.aclose()


async def test_a_call_that_fails_before_it_waits_is_a_failure_like_others() -> None:
    flights: Flights[str, str] = Flights("test")

    async def fail() -> str:
        raise ValueError("at once")

    for _ in range(2):
        with pytest.raises(ValueError, match="at once"):
            await flights.join("key", fail)
    assert len(flights) == 0


async def test_a_task_s_name_does_not_tell_its_key() -> None:
    flights: Flights[str, str] = Flights("token")
    waiter = spawn(flights.join("user:a secret", _never), "waiter")
    await asyncio.sleep(0)
    names = {task.get_name() for task in asyncio.all_tasks()}
    assert "token" in names
    assert not any("a secret" in name for name in names)
    await flights.aclose()
    await asyncio.wait({waiter})


async def test_so_many_calls_may_be_under_way_and_any_number_of_waiters() -> None:
    flights: Flights[str, str] = Flights("test", limit=1)
    waiters = [spawn(flights.join("one", _never), "waiter") for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Refused) as refusal:
        await flights.join("two", _never)
    assert refusal.value.code is Code.BUSY
    await flights.aclose()
    await asyncio.wait(waiters)
