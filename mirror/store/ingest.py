"""A blob that is not yet whole: written at its end, hashed as it is written, published once it is verified.

Blocks; its owner calls it from a worker thread, one call at a time. Knows nothing of where the bytes come from.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass

from mirror.errors import DigestMismatch, SizeMismatch, StoreBusy, StoreFailed
from mirror.oci.digest import Digest
from mirror.store.layout import Layout, ingest_name
from mirror.store.runs import Runs
from mirror.store.spool import Spool
from mirror.store.total_note import note_total, noted_total

_REHASH = 1024 * 1024  # bytes a read when an interrupted ingest is taken up again
_READS = 16  # a turn, after which whoever waits may change their mind
_TRIES = 8  # to get hold of a place that others are just clearing


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells that a file is still the one that was verified: any write to it changes one of the three."""

    size: int
    mtime_ns: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        return cls(status.st_size, status.st_mtime_ns, status.st_ino)


class Ingest:
    """One digest's way into the store. `offset` bytes are written and hashed; `total` is the size, once it is known.

    `is_behind`: an earlier try has left bytes that are not hashed yet. They come first: `take_up`, or `restart`.
    """

    def __init__(self, layout: Layout, digest: Digest, durable: bool) -> None:
        """Take the lock. Raises StoreBusy if it is held, StoreFailed."""
        self.digest = digest
        self.offset = 0
        self.is_behind = False
        self.total: int | None = None
        self._noted: int | None = None  # the total, as it stands beside the bytes
        self._layout = layout
        self._files = layout.filesystem
        self._durable = durable
        self._name = ingest_name(digest)
        self._hasher = digest.hasher()
        self._directory = self._data = -1
        try:
            self._claim()
        except BaseException as error:
            self._close()
            if isinstance(error, OSError):
                raise StoreFailed(f"a blob cannot be stored: {error.strerror}") from error
            raise

    def take_up(self) -> None:
        """Hash the next bytes that an earlier try left (S6), for as long as `is_behind`; some milliseconds' worth.

        Raises StoreFailed; the ingest is then to be left.
        """
        try:
            for _ in range(_READS):
                piece = self._files.read(self._data, _REHASH, self.offset)
                if not piece:
                    self._catch_up()
                    return
                self._hasher.update(piece)
                self.offset += len(piece)
        except OSError as error:
            raise StoreFailed(f"a blob cannot be stored: {error.strerror}") from error

    def duplicate(self) -> int:
        """A descriptor of the growing file for one reader, who closes it. It outlives commit and abort (S5).

        Opened anew, because a copy of ours would keep the lock for as long as its reader stays. Raises StoreFailed.
        """
        try:
            return self._files.open_to_read("data", self._directory)[0]
        except OSError as error:
            raise StoreFailed(f"a blob that is being stored cannot be read: {error.strerror}") from error

    def runs(self) -> Runs:
        """Where bytes that come before their turn are kept, for the caller to close. Does not block."""
        return Runs(self._files, os.dup(self._directory))

    def expect(self, total: int) -> None:
        """Learn the size of the whole: it is noted, for whoever takes this up, with the first part. Does not block.

        Raises SizeMismatch if there is more already.
        """
        if self.offset > total:
            raise SizeMismatch("more bytes are stored than the blob is said to have")
        self.total = total

    def append(self, piece: bytes) -> None:
        """Hash and write the next bytes. After StoreFailed only what `offset` counts is there."""
        try:
            if self.offset + len(piece) < (self.total or 0):
                self._noted = note_total(self._files, self._directory, self.total, self._noted)
            self._files.write(self._data, piece, self.offset)
        except OSError as error:
            with contextlib.suppress(OSError):
                self._files.truncate(self._data, self.offset)
            raise StoreFailed(f"a blob cannot be stored: {error.strerror}") from error
        self._hasher.update(piece)
        self.offset += len(piece)

    def verify(self) -> None:
        """Whether the bytes are what the digest names: SizeMismatch or DigestMismatch if not."""
        if self.total is not None and self.offset != self.total:
            raise SizeMismatch("the blob is not as long as it was said to be")
        if not self.digest.matches(self._hasher):
            raise DigestMismatch("the bytes received are not the ones that the digest names")

    def spool(self) -> Spool:
        """Where the rest can go if the disk does not take it. This ingest is then to be aborted. Raises StoreFailed."""
        return Spool(self.digest, self._hasher.copy(), self.offset, self.total)

    def commit(self) -> Stamp | None:
        """Verify and publish: sync the file, name it without replacing, sync the directory (S1, S2).

        Returns the stamp of what is published, or None when the name was taken: the first copy stays (S3), and
        whoever opens it next finds out whether it is to be trusted. Raises SizeMismatch, DigestMismatch, StoreFailed:
        after each of them the ingest is gone, for pages that a failed sync has marked clean are not synced again.
        """
        try:
            self.verify()
            name, parent = self._layout.blob(self.digest)
            if self._durable:
                self._files.sync(self._data)
            stamp: Stamp | None = self._stamp()
            if not self._files.publish("data", self._directory, name, parent):
                stamp = None
            if self._durable:
                self._sync_name(name, parent, stamp)
            return stamp
        except OSError as error:
            raise StoreFailed(f"a blob cannot be stored: {error.strerror}") from error
        finally:
            self.abort()

    def _sync_name(self, name: str, parent: int, ours: Stamp | None) -> None:
        """Make a name last. Where that fails it goes again, if it is ours: nobody would count what is not noted."""
        try:
            self._files.sync(parent)
        except OSError:
            with contextlib.suppress(OSError):
                if ours is not None and Stamp.of(self._files.status(name, parent)) == ours:
                    self._files.remove(name, parent)
            raise

    def leave(self) -> None:
        """Let go and keep what is there for the next try; nothing is kept of nothing. Harmless when repeated."""
        if self.offset or self.is_behind:
            try:
                with contextlib.suppress(OSError):
                    self._noted = note_total(self._files, self._directory, self.total, self._noted)
            finally:
                self._close()
        else:
            self.abort()

    def abort(self) -> None:
        """Let go and leave nothing behind. Harmless when repeated, and after `commit` (S4)."""
        if self._directory < 0:
            return
        try:
            with contextlib.suppress(OSError):  # what stays is removed or taken up by the next ingest of this digest
                # `data` goes last: while its name is there, the lock on it keeps everybody else out.
                for name in sorted(self._files.names(self._directory), key="data".__eq__):
                    self._files.remove(name, self._directory)
                self._files.remove_directory(self._name, self._layout.ingest)
        finally:
            self._close()

    def _claim(self) -> None:
        """Open and lock the file that has the name: a lock taken late may be one on a file that has just lost it."""
        for left in reversed(range(_TRIES)):
            try:
                self._directory = self._files.make_directory(self._name, self._layout.ingest)
                self._data, _ = self._files.open_to_write("data", self._directory)
                if not self._files.lock(self._data):
                    raise StoreBusy("this blob is being stored by somebody else")
                if self._is_ours():
                    return
            except FileNotFoundError:
                if not left:
                    raise
            self._close()
        raise StoreBusy("this blob is being stored by others, one after the other")

    def _is_ours(self) -> bool:
        """Whether the name leads to the locked file, and no other name does.

        A crash between publishing and clearing up leaves the published file here under a second name: what is
        written to it would be written to the blob.
        """
        locked = self._files.status_of(self._data)
        self.is_behind = locked.st_size > 0
        if self._files.status("data", self._directory).st_ino != locked.st_ino:
            return False
        if locked.st_nlink > 1:
            self._files.remove("data", self._directory)
            return False
        return True

    def _catch_up(self) -> None:
        self.is_behind = False
        if self.offset:
            self.total = self._noted = noted_total(self._files, self._directory)
        if self.digest.matches(self._hasher):
            self.total = self.offset  # by its digest it is the whole, whatever was noted, and however soon that ended
        if self.total is not None and self.offset > self.total:
            self._start_over()  # a torn note or foreign bytes: nothing of it can be believed

    def _stamp(self) -> Stamp:
        """What is about to be published: the very file that was written, with the very bytes that were hashed."""
        stamp = Stamp.of(self._files.status_of(self._data))
        if stamp.size != self.offset or stamp != Stamp.of(self._files.status("data", self._directory)):
            raise StoreFailed("a blob was changed by somebody else while it was stored")
        return stamp

    def restart(self) -> None:
        """Forget what an earlier try has left. Raises StoreFailed."""
        try:
            self._start_over()
        except OSError as error:
            raise StoreFailed(f"a blob cannot be stored: {error.strerror}") from error

    def _start_over(self) -> None:
        if self.offset or self.is_behind:
            self._files.truncate(self._data, 0)
            for name in filter("data".__ne__, self._files.names(self._directory)):
                self._files.remove(name, self._directory)
        self._hasher = self.digest.hasher()
        self.offset, self.total, self._noted, self.is_behind = 0, None, None, False

    def _close(self) -> None:
        descriptors, self._data, self._directory = (self._data, self._directory), -1, -1
        for descriptor in descriptors:
            if descriptor >= 0:
                os.close(descriptor)
