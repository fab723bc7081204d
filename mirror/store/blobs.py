"""Whole, verified content by digest: opened, doubted, quarantined. Knows not who asks, nor where more is to be had."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from cachetools import LRUCache

from mirror.errors import StoreFailed
from mirror.flights import Flights
from mirror.oci.digest import Digest
from mirror.store.index import DatabaseError, Index
from mirror.store.ingest import Stamp
from mirror.store.layout import Layout
from mirror.store.open_blob import OpenBlob
from mirror.store.quarantine import Quarantine
from mirror.store.writer import Writer

_PIECE = 1024 * 1024
_STAMPS_KEPT = 65_536
_TRIES = 4  # to find a file as it was when it was verified
_DOUBTED = Stamp(-1, 0, 0)  # the stamp of no file
_MISSING = {errno.ENOENT, errno.ENOTDIR}
_NO_FILE = {errno.ELOOP, errno.EINVAL, errno.ENXIO}  # a link, a directory, a FIFO, a socket under that name
_UNREADABLE = {errno.EIO, errno.EBADMSG, errno.EUCLEAN, errno.ENODATA}  # its bytes are lost; all else may pass

_log = logging.getLogger(__name__)


class Blobs:
    """The files below `blobs/`."""

    def __init__(
        self,
        layout: Layout,
        index: Index,
        write_index: Writer[Index],
        threads: ThreadPoolExecutor,
    ) -> None:
        self._layout = layout
        self._files = layout.filesystem
        self.quarantine = Quarantine(layout)
        self._index = index
        self._write_index = write_index
        self._threads = threads
        self.on_corrupt: Callable[[Digest], None] | None = None  # hears of each file that was not what its name says
        self._stamps: LRUCache[Digest, Stamp] = LRUCache(_STAMPS_KEPT)
        self._checks: Flights[Digest, bool] = Flights("verify")
        self._closing = False
        self._watching: list[Callable[[str], None]] = []
        self.on_gone: Callable[[Digest, int], None] | None = None  # once the index has forgotten it, where it is shared

    async def open(self, digest: Digest) -> OpenBlob | None:
        """The blob, open, or None when there is none that is whole (S7). A changed file is verified first.

        May be cancelled. Waits only when a file has to be verified. Raises StoreFailed when the disk cannot be read.
        """
        for _ in range(_TRIES):
            found = self._open(digest)
            if found is None:
                return None
            blob, stamp = found
            if stamp == self._stamp(digest):
                return blob
            blob.close()
            if not await self._checks.join(digest, lambda: self._check(digest)):
                return None
        raise StoreFailed("a blob is changed again and again while it is verified")

    def trusted(self, digest: Digest, stamp: Stamp) -> None:
        """Note a file that has just been verified, as `stamp` shows it."""
        now = time.time()
        self._stamps[digest] = stamp
        self._write_index.submit(lambda index: index.put_blob(str(digest), stamp, now))

    def heard_of(self, digest: Digest, stamp: Stamp) -> None:
        """Another process has published this file."""
        self._stamps[digest] = stamp

    def watch_gone(self, gone: Callable[[str], None]) -> None:
        """Have `gone` called with the digest of each file that is removed: for who has copies."""
        self._watching.append(gone)

    def heard_gone(self, digest: Digest) -> None:
        """Another process has removed this file, and the index has forgotten it."""
        self._stamps.pop(digest, None)
        self._tell(digest)

    def heard_lost(self) -> None:
        """Other processes may have published or removed any file."""
        for digest in [digest for digest, stamp in self._stamps.items() if stamp != _DOUBTED]:
            del self._stamps[digest]

    def knows(self, digest: Digest) -> bool:
        """Whether it was verified once and, as far as was noted, is still here. Looks at no file."""
        return self._stamp(digest) not in (None, _DOUBTED)

    def doubt(self, digest: Digest) -> None:
        """Let a blob be verified before it is served again: whoever has it open could not read it."""
        self._stamps[digest] = _DOUBTED

    async def delete(self, digest: Digest) -> bool:
        """Remove a blob's name (perhaps, if cancelled); whether it had one. Readers go on (S5). Raises StoreFailed."""
        known = self._stamp(digest)
        self._forget(digest)
        if self.on_gone is not None:
            await self._write_index.flush()  # else others would take it for a file that has vanished
        try:
            was_there = await asyncio.get_running_loop().run_in_executor(
                self._threads, self._files.remove, *self._layout.blob(digest)
            )
        except OSError as error:
            if known is not None and known != _DOUBTED:
                self.trusted(digest, known)  # it is still there, and as the one used last not the next to be tried
            raise StoreFailed(f"a blob cannot be removed: {error.strerror}") from error
        stamp = self._stamps.get(digest, _DOUBTED)
        if stamp != _DOUBTED and not self._is_still(digest, stamp.inode):
            self._stamps[digest] = _DOUBTED
            self._forget(digest)  # again: somebody has asked for it, and verified it, just before it went
        return was_there

    async def aclose(self) -> None:
        """End the verifications that are under way."""
        self._closing = True
        await self._checks.aclose()

    def _open(self, digest: Digest) -> tuple[OpenBlob, Stamp] | None:
        name, parent = self._layout.blob(digest)
        try:
            descriptor, status = self._files.open_to_read(name, parent)
        except OSError as error:
            if error.errno in _MISSING:
                self._miss(digest)
                return None
            if error.errno in _NO_FILE:
                self._quarantine(digest)
                return None
            raise StoreFailed(f"a blob cannot be read: {error.strerror}") from error
        return OpenBlob(digest, status.st_size, descriptor), Stamp.of(status)

    def _stamp(self, digest: Digest) -> Stamp | None:
        known = self._stamps.get(digest)
        if known is None:
            try:
                known = self._index.stamp(str(digest))
            except DatabaseError:
                return None
            if known is not None:
                self._stamps[digest] = known
        return known

    async def _check(self, digest: Digest) -> bool:
        """Read the whole file; whether to look again. What it was while it was read is what is noted."""
        try:
            loop = asyncio.get_running_loop()
            stamp, is_right = await loop.run_in_executor(self._threads, self._verify, digest)
        except OSError as error:
            if error.errno not in _UNREADABLE | _NO_FILE | _MISSING:
                raise StoreFailed(f"a blob cannot be read: {error.strerror}") from error
            if error.errno not in _MISSING:
                self._quarantine(digest)
            return error.errno in _MISSING
        if not self._is_still(digest, stamp.inode):
            return True  # it was removed meanwhile, or another process was first, and may have fetched it again
        if is_right:
            self.trusted(digest, stamp)
            return True
        return not self._quarantine(digest, stamp.inode)

    def _is_still(self, digest: Digest, inode: int) -> bool:
        """Whether it is this file that has the name."""
        try:
            return self._files.status(*self._layout.blob(digest)).st_ino == inode
        except OSError:
            return False

    def _verify(self, digest: Digest) -> tuple[Stamp, bool]:
        """What file has the name, and whether it is what that says."""
        descriptor, status = self._files.open_to_read(*self._layout.blob(digest))
        try:
            hasher, offset = digest.hasher(), 0
            while piece := self._files.read(descriptor, _PIECE, offset):
                if self._closing:
                    raise StoreFailed("the store is being closed")
                hasher.update(piece)
                offset += len(piece)
            unchanged = Stamp.of(self._files.status_of(descriptor)) == Stamp.of(status)
            return Stamp.of(status), unchanged and digest.matches(hasher)
        finally:
            os.close(descriptor)

    def _quarantine(self, digest: Digest, inode: int | None = None) -> bool:
        """Take a file that is not what its name says out of the way, for somebody to look at where it can be kept.

        Whether it went: the one of this inode, if that is known, and not what another process has put in its place.
        """
        self._forget(digest)
        try:
            if not self.quarantine.take(digest, inode):
                return False
        except OSError as error:
            raise StoreFailed(f"a corrupt blob cannot be taken out of the way: {error.strerror}") from error
        _log.error("a cached blob is not what its name says; it is quarantined and will be fetched again: %s", digest)
        if self.on_corrupt is not None:
            self.on_corrupt(digest)
        return True

    def _miss(self, digest: Digest) -> None:
        """Note a file that is not there though nobody has removed it here."""
        if self._stamp(digest) in (None, _DOUBTED) or self._is_gone_for_all(digest):
            return
        self._forget(digest)
        _log.error("a cached blob has vanished; it will be fetched again: %s", digest)
        if self.on_corrupt is not None:
            self.on_corrupt(digest)

    def _forget(self, digest: Digest) -> None:
        self._tell(digest)
        known = self._stamps.get(digest, _DOUBTED)
        self._stamps[digest] = _DOUBTED  # until the index has forgotten it, too
        self._write_index.submit(
            lambda index: index.forget_blob(str(digest)), lambda: self._forgotten(digest, max(known.size, 0))
        )

    def _tell(self, digest: Digest) -> None:
        for gone in self._watching:
            gone(str(digest))

    def _forgotten(self, digest: Digest, size: int) -> None:
        if self.on_gone is not None:
            self.on_gone(digest, size)

    def _is_gone_for_all(self, digest: Digest) -> bool:
        """Whether it is another process that has removed the file: then the index knows it no more."""
        if self.on_gone is None:
            return False
        self._stamps.pop(digest, None)
        return self._stamp(digest) is None
