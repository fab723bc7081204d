"""A file that is still growing, and how far its readers may go. Knows not where the bytes come from.

F4  readers share the file and read by position;
F5  progress is one number, and growing it wakes all readers: nothing is copied or queued for any of them;
F6  the last byte is withheld until the digest is verified;
F8  a failure reaches every reader as the same exception;
F10 where the size is unknown it is the end that is withheld;
F12 when the disk fails, the rest is in another file, of which only what the slowest reader still needs is there.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from mirror.errors import MirrorError, SizeMismatch

_LONGEST_REST = 600.0  # seconds; a client that takes nothing is let go long before


class Place:
    """Where one reader is: it has taken all before `position`, and may be taking what follows."""

    __slots__ = ("position",)

    def __init__(self) -> None:
        self.position = 0


class Growth:
    """One writer calls `begin`, `proceed`, then `complete` or `fail`, and `end` last; any number of readers wait.

    `total` is the size of the whole, None while nobody knows; `descriptor` is open as long as anybody holds it.
    """

    def __init__(self, close: Callable[[int], object] = os.close) -> None:
        """`close`: what descriptors are closed by. The last one of a file whose directory is gone waits for the disk:
        the directory's inode goes with it."""
        self._close = close
        self.total: int | None = None
        self.verified = False
        self.descriptor = -1
        self.failure: MirrorError | None = None
        self._progress = 0
        self._over = False
        self._places: set[Place] = set()
        self._begun = asyncio.Event()
        self._grown = asyncio.Event()
        self._moved = asyncio.Event()
        self._detour: tuple[int, int] | None = None  # from which byte on another descriptor has them
        self._forgotten = 0  # bytes at the beginning that are not there any more
        self.on_grown: Callable[[], None] | None = None  # called when any of this may have changed
        self.on_closed: Callable[[], None] | None = None  # called when it has ended and nobody reads any more

    # for readers

    @property
    def available(self) -> int:
        """How many bytes may be handed out: all when they are verified, else all but the last (F6, F10)."""
        if self.verified:
            return self._progress
        last = self._progress if self.total is None else self.total
        return min(self._progress, max(last - 1, 0))

    @property
    def progress(self) -> int:
        """How many bytes are there."""
        return self._progress

    @property
    def has_turned(self) -> bool:
        """Whether the bytes that come are in another file than those that came first (F12)."""
        return self._detour is not None

    @property
    def has_begun(self) -> bool:
        return self._begun.is_set()

    async def begun(self) -> None:
        """Wait until there will be bytes, and `total` is as known as it can be. Raises what the growth ended with."""
        await self._begun.wait()  # bounded by the writer, which always comes to an end
        self._raise_failure()

    async def ready(self, offset: int) -> int:
        """As `Readable.ready`."""
        while (end := self.available) <= offset:
            self._raise_failure()
            if self.verified:
                return offset
            await self._grown.wait()
        if self._detour is not None and offset < self._detour[0]:
            return min(end, self._detour[0])
        return end

    @property
    def is_orphaned(self) -> bool:
        """Whether readers have had bytes of a file that has no name any more."""
        return bool(self._progress) and self.descriptor >= 0 and not os.fstat(self.descriptor).st_nlink

    def descriptor_at(self, position: int) -> int:
        """Of the file that has the byte at `position`, and those that are ready after it."""
        if self._detour is not None and position >= self._detour[0]:
            return self._detour[1]
        return self.descriptor

    @property
    def held(self) -> bool:
        """Whether anybody reads along."""
        return bool(self._places)

    @property
    def from_the_beginning(self) -> bool:
        """Whether somebody who comes now can have all of it."""
        return self._forgotten == 0

    def hold(self) -> Place:
        """A new reader's place. Keeps the descriptors open until it is released, beyond the end."""
        place = Place()
        self._places.add(place)
        return place

    def move(self, place: Place, position: int) -> None:
        """This reader has taken all before `position`."""
        place.position = position
        if self._detour is not None:
            self._moved.set()

    def release(self, place: Place) -> None:
        """This reader has gone."""
        self._places.discard(place)
        self._moved.set()
        self._close_if_unused()

    # for the writer

    def begin(self, total: int | None, progress: int) -> None:
        """Let readers know that there will be bytes, and how many if that is known. Only the first call counts."""
        if not self._begun.is_set():
            self.total = total
            self._begun.set()
            self.proceed(progress)

    def proceed(self, progress: int) -> None:
        """So many bytes are in the file."""
        self._progress = progress
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()
        if self.on_grown is not None:
            self.on_grown()

    def read_in(self, descriptor: int, size: int) -> bool:
        """Let readers read in this file, of which `size` bytes are there, from now on; it is closed with the growth.

        False when they have had bytes of another file, or more than there are: then it is left to the caller (F11).
        """
        if self._progress and self.descriptor >= 0:
            same = os.fstat(descriptor).st_ino == os.fstat(self.descriptor).st_ino
            if not same or size < self._progress or self._detour is not None:
                return False
            self._close(descriptor)
        else:
            if self.descriptor >= 0:
                self._close(self.descriptor)
            self.descriptor = descriptor
        if self.has_begun:
            self.proceed(size)
        return True

    def turn(self, descriptor: int, start: int) -> None:
        """From `start` on the bytes are in another file (F12), which is closed with the first one."""
        if self._detour is not None:
            self._close(self._detour[1])
        self._detour = (start, descriptor)
        if self.on_grown is not None:
            self.on_grown()

    async def room(self, window: int) -> int:
        """Wait until the slowest reader is less than `window` bytes behind; from where on bytes are still wanted.

        What lies before is as good as gone from then on. Raises TimeoutError when no reader moves for longer than any
        client is allowed to. Only after `turn`.
        """
        start = 0 if self._detour is None else self._detour[0]
        while self._places:
            slowest = min(place.position for place in self._places)
            if self._progress - max(slowest, start) < window:
                if slowest > start:
                    self._forgotten = slowest
                return slowest
            self._moved.clear()
            async with asyncio.timeout(_LONGEST_REST):
                await self._moved.wait()
        return self._progress

    def complete(self, size: int) -> None:
        """All bytes are there, and they are the right ones; but whoever was told of another size has had others."""
        if self.has_begun and (self.total not in (None, size) or size < self._progress):
            self.fail(SizeMismatch("a blob is not as long as its readers have been told"))
            return
        self.verified = True
        self.total = size
        self._begun.set()
        self.proceed(size)

    def fail(self, error: MirrorError) -> None:
        """There will be no more: every reader hears of it (F8). Nothing that is complete can fail any more."""
        if not self.verified:
            self.failure = error
        self._begun.set()
        self.proceed(self._progress)

    def end(self) -> None:
        """Nothing will be written any more; a growth that is neither complete nor failed fails by this."""
        if not self.verified and self.failure is None:
            self.fail(MirrorError("a fetch ended by a fault of the mirror"))
        self._over = True
        self._close_if_unused()

    def _raise_failure(self) -> None:
        if self.failure is not None:
            raise self.failure.with_traceback(None)

    def _close_if_unused(self) -> None:
        if not self._over or self._places:
            return
        for descriptor in (self.descriptor, -1 if self._detour is None else self._detour[1]):
            if descriptor >= 0:
                self._close(descriptor)
        self.descriptor, self._detour = -1, None
        if self.on_closed is not None:
            self.on_closed()
            self.on_closed = None
