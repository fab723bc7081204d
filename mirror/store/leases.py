"""Things that one process at a time does for all that share a cache directory: a lease for each, by its name.

A lease is a lock on one byte of one file, so it costs microseconds, and ends with the process that has it. It excludes
other processes, never others of the same one: these have flights.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from mirror.siblings import Siblings
from mirror.store.layout import Layout
from mirror.tasks import end, spawn, within

PATIENCE = 20.0  # seconds for a lease on what is asked of an upstream: then everybody may as well ask for himself
_GIVING_BACK = 0.5  # seconds that a disk may take, before it goes on behind whoever had the lease
_SHORTEST, _LONGEST = 0.05, 0.25  # seconds between two looks at a lease that is taken, for when no word comes

Flush = Callable[[], Awaitable[None]]


class Leases:
    """Made by the store, and closed by it. `flush`: what others have to find on disk before they get a lease.

    Told to siblings, always with the number of the byte: `lease-wanted`, by who waits, and `lease-free` to those.
    """

    def __init__(self, layout: Layout, siblings: Siblings, flush: Flush) -> None:
        """Without a file to lock everybody asks for himself."""
        self._files = layout.filesystem
        self._siblings = siblings
        self._flush = flush
        self._held: dict[int, int] = {}  # by its byte, how many in this process have it
        self._wanted: set[int] = set()  # of them, those that a sibling waits for
        self._waiting: dict[int, asyncio.Event] = {}
        self._releasing: set[asyncio.Task[None]] = set()
        self._file = -1
        if siblings.count > 1:
            with contextlib.suppress(OSError):
                self._file = self._files.open_to_write("leases", layout.directory)[0]
            siblings.hear("lease-wanted", self._note_wanted)
            siblings.hear("lease-free", self._note_free)

    def renew(self, layout: Layout) -> None:
        """Go on with the file that is in the directory now; who holds a lease has it no more. Raises OSError."""
        if self._siblings.count == 1:
            return
        fresh, _ = self._files.open_to_write("leases", layout.directory)
        if self._file < 0:
            self._file = fresh
        else:
            os.dup2(fresh, self._file, inheritable=False)
            os.close(fresh)

    async def aclose(self) -> None:
        """Give back what is held. Harmless when repeated."""
        await end(*self._releasing)
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    @asynccontextmanager
    async def hold(self, name: str, patience: float) -> AsyncIterator[bool]:
        """Have the lease, unless that takes longer than `patience` seconds: then go on without it.

        What is given is whether it had to be waited for: then whoever had it may have written down what one is about to
        find out, or bring about. When it is given back, what was noted by then is on disk first; that is waited for,
        but not for long: who asks after the answer that this led to finds the lease free. May be cancelled.
        """
        if self._file < 0:
            yield False
            return
        place = _place(name)
        waited = not self._take(place)
        if waited and not await self._waited(place, patience):
            yield True
            return
        self._held[place] = self._held.get(place, 0) + 1
        try:
            yield waited
        finally:
            releasing = spawn(self._release(place), "lease")
            self._releasing.add(releasing)
            releasing.add_done_callback(self._releasing.discard)
            await asyncio.wait({releasing}, timeout=_GIVING_BACK)

    @property
    def are_shared(self) -> bool:
        """Whether others take them too: then one that is free may have been somebody's until a moment ago."""
        return self._file >= 0

    def is_wanted(self, name: str) -> bool:
        """Whether another process is known to wait for this one, which is held here."""
        return _place(name) in self._wanted

    def _take(self, place: int) -> bool:
        try:
            return place in self._held or self._files.lock_byte(self._file, place)
        except OSError:
            return True  # a file system without such locks: everybody asks for himself

    async def _waited(self, place: int, patience: float) -> bool:
        """Wait for somebody else's lease; False when that took too long."""
        pause = _SHORTEST
        try:
            async with asyncio.timeout(patience):
                while True:
                    free = self._waiting.setdefault(place, asyncio.Event())
                    self._siblings.tell("lease-wanted", place)
                    if self._take(place):
                        return True
                    await within(free, pause)
                    if self._take(place):
                        return True
                    pause = min(pause * 2, _LONGEST)
        except TimeoutError:
            return False
        finally:
            self._waiting.pop(place, None)

    async def _release(self, place: int) -> None:
        try:
            await self._flush()
        finally:
            self._held[place] -= 1
            if not self._held[place]:
                del self._held[place]
                if self._file >= 0:
                    self._files.unlock_byte(self._file, place)
                if place in self._wanted:
                    self._wanted.discard(place)
                    self._siblings.tell("lease-free", place)

    def _note_wanted(self, place: int) -> None:
        if place in self._held:
            self._wanted.add(place)

    def _note_free(self, place: int) -> None:
        free = self._waiting.pop(place, None)
        if free is not None:
            free.set()


def _place(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=7).digest())
