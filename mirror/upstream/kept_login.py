"""A login that costs something to get, kept for a while: asked for once by all who wait, and anew before it ends.

Knows nothing of programs, only that they may fail, and are then left alone for some seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from mirror.errors import Refused, Unreachable
from mirror.flights import Flights
from mirror.tasks import end, spawn
from mirror.upstream.login import Login

_FRESH = 0.8  # the part of its life after which a login is asked for anew
_PAUSE = 10.0  # seconds between two questions, but for a login whose life is over
_ABSENT = 60.0  # seconds for which "there is none" is believed: somebody may log in meanwhile

Ask = Callable[[], Awaitable[Login | None]]


@dataclass(frozen=True, slots=True)
class _Held:
    """`login` is None where there is none to be had; both times are of the monotonic clock.

    `doubted`: it was refused, and nobody has asked since whether there is another.
    """

    login: Login | None
    fresh_until: float
    valid_until: float
    doubted: bool = False


class KeptLogin:
    """`ask` raises Unreachable if it fails; `lifetime` in seconds; `clock` is monotonic. Closed by `aclose`."""

    def __init__(self, ask: Ask, lifetime: float, clock: Callable[[], float]) -> None:
        self._ask = ask
        self._lifetime = lifetime
        self._clock = clock
        self._held: _Held | None = None
        self._failure: Unreachable | None = None
        self._pause_until = float("-inf")
        self._flights: Flights[str, Login | None] = Flights("login")
        self._renewal: asyncio.Task[None] | None = None

    @property
    def idle(self) -> bool:
        """Whether nobody waits for an answer."""
        return self._renewal is None and not len(self._flights)

    async def aclose(self) -> None:
        """Ends the question that is under way."""
        if self._renewal is not None:
            await end(self._renewal)
        await self._flights.aclose()

    async def get(self) -> Login | None:
        """The login, None if there is none. Late in its life it is asked for anew, while it goes on being used.

        Raises Unreachable when it has none and cannot get one, or could not within the last ten seconds. May be
        cancelled: the question goes on for others.
        """
        held, now = self._held, self._clock()
        if held is not None and now < held.valid_until:
            if held.doubted:
                with suppress(Unreachable):  # it may have been refused in one matter, and be good in all others
                    return await self._asked()
            elif now >= held.fresh_until:
                self._renew()
            return held.login
        if self._failure is not None and now < self._pause_until:
            raise Unreachable(str(self._failure))
        return await self._asked()

    def doubt(self, login: Login) -> None:
        """This one was refused: unless it has just been got, the next who wants one asks anew.

        If there is none to be had instead, it is used on: in other matters it may be good.
        """
        if self._held is not None and self._held.login == login and self._clock() >= self._pause_until:
            self._held = replace(self._held, doubted=True)

    def _renew(self) -> None:
        """Nobody waits for it, so a program that is slow or broken costs nothing while the login is good."""
        if self._renewal is None and self._clock() >= self._pause_until:
            self._renewal = spawn(self._renewed(), "login-renewal")
            self._renewal.add_done_callback(self._renewal_ended)

    async def _renewed(self) -> None:
        with suppress(Unreachable, Refused):  # the login is good for a while; once it is not, its next user hears of it
            await self._asked()

    def _renewal_ended(self, _: asyncio.Task[None]) -> None:
        self._renewal = None

    async def _asked(self) -> Login | None:
        return await self._flights.join("login", self._question)

    async def _question(self) -> Login | None:
        began = self._clock()
        try:
            login = await self._ask()
        except Unreachable as error:
            self._failure, self._pause_until = error, self._clock() + _PAUSE
            if self._held is not None:
                self._held = replace(self._held, doubted=False)
            raise
        lifetime = self._lifetime if login is not None else min(self._lifetime, _ABSENT)
        self._held = _Held(login, began + lifetime * _FRESH, began + lifetime)
        self._failure, self._pause_until = None, began + _PAUSE
        return login
