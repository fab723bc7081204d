"""Hashes every stored blob again, little by little, so that what a disk has lost is found before somebody asks for it.

One thread of its own, one piece at a time, with pauses. What is found goes the way of all that is corrupt: `blobs`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, TypeVar

from mirror.errors import Malformed, StoreFailed
from mirror.oci.digest import Digest
from mirror.store.blobs import Blobs
from mirror.store.databases import LOSSES, Databases
from mirror.store.layout import Layout
from mirror.store.leisure import read_at_leisure
from mirror.store.scrub_note import Progress, read_progress, write_progress
from mirror.tasks import outlast

_PIECE = 1024 * 1024  # bytes at a time
_FASTEST = 16 * 1024 * 1024  # bytes a second, whatever the period
_SLOWEST = 256 * 1024  # bytes a second: a small cache is done before its time, and then left alone
_BATCH = 256  # digests a look into the index
_NOTED = 64 * 1024 * 1024  # bytes after which the position is noted
_AFTER_TROUBLE = 60.0  # seconds

_log = logging.getLogger(__name__)
T = TypeVar("T")


class Scrub:
    """Pass after pass over the blobs of one store. `progress` may be read at any time.

    `size`: bytes of all blobs, as far as known.
    """

    def __init__(
        self,
        layout: Layout,
        databases: Databases,
        blobs: Blobs,
        size: Callable[[], int],
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.progress = Progress()
        self._layout = layout
        self._files = layout.filesystem
        self._databases = databases
        self._blobs = blobs
        self._size = size
        self._pause = pause
        self._thread: ThreadPoolExecutor
        self._unnoted = 0  # bytes

    @property
    def total(self) -> int:
        """Bytes of a whole pass, as far as known."""
        return max(self._size(), self.progress.done)

    async def run(self, period: float, now: Callable[[], float] = time.time) -> None:
        """Look at every blob once in `period` seconds, where the disk is fast enough, until cancelled.

        Goes on where the last run left off. `now`: wall clock.
        """
        with ThreadPoolExecutor(1, "scrub", initializer=read_at_leisure) as self._thread:
            await self._load()
            while True:
                progress = self.progress
                if not progress.began or progress.finished >= progress.began:
                    # A wall clock may have jumped either way: no pause is longer than a period.
                    if (wait := min(progress.began + period - now(), period)) > 0:
                        await self._pause(wait)
                    self.progress = Progress(began=now(), finished=progress.finished)
                await self._pass(period)
                self.progress = replace(self.progress, after="", finished=max(now(), self.progress.began))
                await self._save()

    @asynccontextmanager
    async def at_hand(self) -> AsyncIterator[Callable[[Digest], Awaitable[bool]]]:
        """What hashes one blob now, and tells whether it was corrupt, and so quarantined. Not while `run` does."""

        async def was_corrupt(digest: Digest) -> bool:
            return (await self._examined(digest))[1]

        with ThreadPoolExecutor(1, "scrub", initializer=read_at_leisure) as self._thread:
            yield was_corrupt

    async def _load(self) -> None:
        try:
            self.progress = await self._in_thread(read_progress, self._layout)
        except OSError as error:
            _log.warning("how far the scrub had come cannot be read: %s", error.strerror)

    async def _save(self) -> None:
        self._unnoted = 0
        try:
            await self._in_thread(write_progress, self._layout, self.progress)
        except OSError as error:
            _log.warning("how far the scrub has come cannot be noted: %s", error.strerror)

    async def _pass(self, period: float) -> None:
        """Look at what comes after the position, to the end."""
        try:
            while digests := await self._next():
                for digest in digests:
                    size = await self._look(digest)
                    self.progress = replace(self.progress, after=digest, done=self.progress.done + size)
                    self._unnoted += size
                    if self._unnoted >= _NOTED:
                        await self._save()
                    rate = max(self._size() / period, _SLOWEST)
                    await self._pause(max(size / rate - size / _FASTEST, 0.0))
        finally:
            await self._save()

    async def _next(self) -> list[str]:
        while True:
            try:
                return await self._databases.on_thread(lambda index, _: index.digests(self.progress.after, _BATCH))
            except LOSSES as error:
                _log.warning("the scrub cannot tell what is stored: %s", error)
                await self._pause(_AFTER_TROUBLE)

    async def _look(self, name: str) -> int:
        """Hash one blob; have it quarantined if that gives something else. Bytes that were read."""
        try:
            digest = Digest.parse(name)
        except Malformed:
            return 0  # a row that no file can belong to
        size, was_corrupt = await self._examined(digest)
        self.progress = replace(self.progress, found=self.progress.found + was_corrupt)
        return size

    async def _examined(self, digest: Digest) -> tuple[int, bool]:
        """Bytes that were read, and whether they were not those that the digest names."""
        try:
            descriptor, _ = self._files.open_to_read(*self._layout.blob(digest))
        except FileNotFoundError:
            await self._have_checked(digest)  # who tells one that has vanished from one that was evicted
            return 0, False
        except OSError:
            self._blobs.doubt(digest)
            return 0, await self._have_checked(digest)
        try:
            size, is_sound = await self._hash(digest, descriptor)
        finally:
            os.close(descriptor)
        if is_sound:
            return size, False
        self._blobs.doubt(digest)
        return size, await self._have_checked(digest)

    async def _hash(self, digest: Digest, descriptor: int) -> tuple[int, bool]:
        """How many bytes there are, and whether they are what the digest names; or were removed meanwhile."""
        hasher, offset = digest.hasher(), 0

        def piece() -> int:
            data = self._files.read_afresh(descriptor, _PIECE, offset)
            hasher.update(data)
            return len(data)

        try:
            while read := await self._in_thread(piece):
                offset += read
                await self._pause(read / _FASTEST)
                if not self._files.status_of(descriptor).st_nlink:
                    return offset, True
        except OSError:
            return offset, False
        return offset, digest.matches(hasher)

    async def _have_checked(self, digest: Digest) -> bool:
        """Open it as a reader would: what is corrupt is quarantined, counted and logged there. Whether it was."""
        try:
            found = await self._blobs.open(digest)
        except StoreFailed as error:
            _log.warning("the scrub cannot read a blob: %s", error)
            return False
        if found is not None:
            found.close()
        return found is None

    async def _in_thread(self, call: Callable[..., T], *arguments: Any) -> T:
        return await outlast(asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments))


def tell_of_a_fault(scrubbing: asyncio.Task[None]) -> None:
    """Say that a scrub has ended by a fault of ours, which nobody waits for."""
    if not scrubbing.cancelled() and (fault := scrubbing.exception()) is not None:
        _log.error("the scrub has ended: what the disk loses is found no more", exc_info=fault)
