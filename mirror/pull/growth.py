"""A file that is still growing, and how far its readers may go. Knows not where the bytes come from.

F4  readers share the file and read by position;
F5  progress is one number, and growing it wakes all readers: nothing is copied or queued for any of them;
F6  the last byte is withheld until the digest is verified;
F8  a failure reaches every reader as the same exception;
F10 where the size is unknown it is the end that is withheld.
"""

from __future__ import annotations

import asyncio
import os

from mirror.errors import MirrorError


class Growth:
    """One writer calls `begin`, `proceed`, then `complete` or `fail`, and `end` last; any number of readers wait.

    `total` is the size of the whole, None while nobody knows; `descriptor` is open as long as anybody holds it.
    """

    def __init__(self) -> None:
        self.total: int | None = None
        self.verified = False
        self.descriptor = -1
        self.failure: MirrorError | None = None
        self._progress = 0
        self._over = False
        self._holders = 0
        self._begun = asyncio.Event()
        self._grown = asyncio.Event()

    # for readers

    @property
    def available(self) -> int:
        """How many bytes may be handed out: all when they are verified, else all but the last (F6, F10)."""
        if self.verified:
            return self._progress
        last = self._progress if self.total is None else self.total
        return min(self._progress, max(last - 1, 0))

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
        return end

    @property
    def held(self) -> bool:
        """Whether anybody reads along."""
        return self._holders > 0

    def hold(self) -> None:
        """Keep the descriptor open until as many calls of `release`, beyond the end."""
        self._holders += 1

    def release(self) -> None:
        self._holders -= 1
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

    def complete(self, size: int) -> None:
        """All bytes are there, and they are the right ones."""
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
        if self._over and self._holders == 0 and self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
