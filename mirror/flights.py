"""One call, many waiters: identical calls under way at the same time are made once. Knows neither keys nor values.

L1  the key is claimed before the first `await`;
L2  the call runs in a task of its own, so a waiter that leaves changes nothing;
L3  success and failure reach every waiter alike, and failures are not kept;
L4  the result carries everything that a waiter needs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from mirror.errors import Code, Refused
from mirror.tasks import end, spawn

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Flights(Generic[Key, Value]):
    """The calls of one kind that are under way. `name` is that of their tasks; a key is in none, it may be a secret."""

    def __init__(self, name: str, limit: int = 4096) -> None:
        """`limit`: so many calls may be under way; they outlive their waiters, so nothing else bounds them."""
        self._name = name
        self._limit = limit
        self._aloft: dict[Key, asyncio.Task[Value]] = {}

    def __len__(self) -> int:
        return len(self._aloft)

    def __contains__(self, key: Key) -> bool:
        return key in self._aloft

    async def join(self, key: Key, call: Callable[[], Awaitable[Value]]) -> Value:
        """The result of the call for `key` that is under way, or of `call` if there is none.

        Raises what the call raises, and Refused (BUSY) when too many are under way. May be cancelled: the call goes on
        for the others, and for whoever comes next.
        """
        flight = self._aloft.get(key)
        if flight is None:
            if len(self._aloft) >= self._limit:
                raise Refused("the mirror is waiting for too many answers already", code=Code.BUSY, retry_after=5)
            flight = self._aloft[key] = spawn(_made(call), self._name)
            flight.add_done_callback(lambda task: self._landed(key, task))
        return await asyncio.shield(flight)

    async def aclose(self) -> None:
        """Cancel every call under way and wait for its end; its waiters are cancelled with it."""
        await end(*self._aloft.values())

    def _landed(self, key: Key, flight: asyncio.Task[Value]) -> None:
        del self._aloft[key]
        if not flight.cancelled():
            flight.exception()  # it is known to the waiters; if all have left, nobody needs to hear of it


async def _made(call: Callable[[], Awaitable[Value]]) -> Value:
    return await call()
