"""Logins that were refused, and are not shown again for a while that grows: some registries ban who insists.

A login that changes is another one, and shown at once. One that nobody has accepted yet is shown by one at a time, so
that a wrong password is seen once, however many ask.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from mirror.errors import Denied

T = TypeVar("T")

_SHORTEST, _LONGEST = 30.0, 3600.0  # seconds
_KEPT = 1024


@dataclass(frozen=True, slots=True)
class Showing:
    """A login about to be shown at a place, about a matter; each key is of one place. `place` is for messages."""

    login: Hashable = field(repr=False)
    matter: Hashable = field(repr=False)
    place: str


@dataclass(frozen=True, slots=True)
class _Refusal:
    """`wait` in seconds, which end at `until`."""

    wait: float
    until: float


class Refusals:
    """Keys are what was refused, and where. `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._refused: dict[Hashable, _Refusal] = {}
        self._accepted: dict[Hashable, None] = {}
        self._doubtful: dict[Hashable, None] = {}  # logins that were accepted before they were refused
        self._known: dict[Hashable, None] = {}  # matters in which a login was accepted last
        self._trial = asyncio.Lock()

    def add(self, key: Hashable) -> None:
        """Remembers this one for half a minute, each further time for twice as long, up to an hour.

        An hour after that it is as good as new. Whoever is refused while it is remembered began before, and changes
        nothing.
        """
        now, known = self._clock(), self._refused.get(key)
        if known is None or now >= known.until + _LONGEST:
            known = _Refusal(_SHORTEST, now + _SHORTEST)
        elif now >= known.until:
            wait = min(known.wait * 2, _LONGEST)
            known = _Refusal(wait, now + wait)
        _keep(self._refused, key, known)

    def check(self, showing: Showing) -> None:
        """Raises Denied for a login that was refused not long ago, in this matter or altogether.

        Once, one that was good before may still be shown in a matter in which it was: whoever asks for what is not for
        us, of a registry that refuses just that, is not to lock out all others.
        """
        refused = showing.login in self and not (showing.login in self._doubtful and showing.matter in self._known)
        if refused or showing.matter in self:
            raise Denied(f"{showing.place} has just refused our login")

    @asynccontextmanager
    async def trial(self, showing: Showing) -> AsyncIterator[None]:
        """Entered before a login is shown, left when what became of it has been told by `accept` or `refuse`.

        Waits while another one shows a login that was not accepted yet. Raises like `check`.
        """
        if showing.login not in self._accepted:
            async with self._trial:
                if showing.login not in self._accepted:
                    self.check(showing)
                    yield
                    return
        self.check(showing)
        yield

    def refuse(self, showing: Showing) -> None:
        """Remembers that this was refused.

        A login that was accepted a moment ago is refused for this matter alone; the next time, if it is not accepted in
        between, for everything; but see `check`.
        """
        was_good = showing.login in self._accepted
        self._accepted.pop(showing.login, None)
        if was_good:
            _keep(self._doubtful, showing.login, None)
        elif showing.matter in self._known:
            self._doubtful.pop(showing.login, None)
        self._known.pop(showing.matter, None)
        self.add(showing.matter if was_good else showing.login)

    def accept(self, showing: Showing) -> None:
        """This was accepted: nothing is held against the login."""
        self._refused.pop(showing.login, None)
        self._doubtful.pop(showing.login, None)
        _keep(self._accepted, showing.login, None)
        _keep(self._known, showing.matter, None)

    def __contains__(self, key: Hashable) -> bool:
        refusal = self._refused.get(key)
        return refusal is not None and self._clock() < refusal.until


def _keep(memory: dict[Hashable, T], key: Hashable, value: T) -> None:
    """Of too many, the oldest is forgotten."""
    memory.pop(key, None)
    while len(memory) >= _KEPT:
        del memory[next(iter(memory))]
    memory[key] = value
