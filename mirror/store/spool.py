"""Bytes that the disk does not take: a file in memory, for readers by position, of which only a part is held at a time.

Like an ingest it hashes what it is given, and can tell in the end whether that is the blob; but nothing of it stays.
Knows no readers: whoever feeds it says from where on bytes are still wanted.
"""

from __future__ import annotations

import contextlib
import mmap
import os
from typing import TYPE_CHECKING

from mirror.errors import DigestMismatch, SizeMismatch, StoreFailed
from mirror.oci.digest import Digest

if TYPE_CHECKING:
    from hashlib import _Hash

_BLOCK = 1024 * 1024  # bytes that are given back at a time: whole pages, for the rest of a page would turn to zeros


class Spool:
    """What follows the first `offset` bytes of a blob, which `hasher` has seen. `total` is its size, once known.

    `descriptor` is open until `close`. Raises StoreFailed when the system has no such files.
    """

    def __init__(self, digest: Digest, hasher: _Hash, offset: int, total: int | None) -> None:
        self.digest = digest
        self.offset = offset
        self.total = total
        self._hasher = hasher
        self._released = offset - offset % _BLOCK
        try:
            self.descriptor = os.memfd_create("mirror-spool", os.MFD_CLOEXEC)
        except (OSError, AttributeError) as error:
            raise StoreFailed("there is no memory for a blob that cannot be stored") from error

    def duplicate(self) -> int:
        """A descriptor for readers, who close it. Raises StoreFailed."""
        try:
            return os.dup(self.descriptor)
        except OSError as error:
            raise StoreFailed("a blob that is passed on cannot be read") from error

    def append(self, piece: bytes) -> None:
        """Hash and keep the next bytes. Raises StoreFailed when there is no memory."""
        view, at = memoryview(piece), self.offset
        try:
            while view:
                written = os.pwrite(self.descriptor, view, at)
                view, at = view[written:], at + written
        except OSError as error:
            raise StoreFailed("there is no memory for a blob that cannot be stored") from error
        self._hasher.update(piece)
        self.offset += len(piece)

    def expect(self, total: int) -> None:
        """Note the size of the whole. Raises SizeMismatch if there is more already."""
        if self.offset > total:
            raise SizeMismatch("more bytes are there than the blob is said to have")
        self.total = total

    def verify(self) -> None:
        """Whether the bytes are what the digest names: SizeMismatch or DigestMismatch if not."""
        if self.total is not None and self.offset != self.total:
            raise SizeMismatch("the blob is not as long as it was said to be")
        if not self.digest.matches(self._hasher):
            raise DigestMismatch("the bytes received are not the ones that the digest names")

    def forget(self, before: int) -> None:
        """Give back the memory of what lies `before` this position, as far as whole blocks go.

        Whoever reads there afterwards reads zeros: that nobody does is for the caller to know. What is yet to come
        is not given back beforehand, for it would be kept when it comes.
        """
        while self._released + _BLOCK <= min(before, self.offset):
            with contextlib.suppress(OSError, ValueError), self._block() as block:
                block.madvise(mmap.MADV_REMOVE)
            self._released += _BLOCK

    def close(self) -> None:
        """Let go of it. Harmless when repeated."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def _block(self) -> mmap.mmap:
        return mmap.mmap(self.descriptor, _BLOCK, offset=self._released)
