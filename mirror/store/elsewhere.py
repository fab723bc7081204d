"""What other processes are storing in the same cache directory: what that will take up, and their bytes to read along.

The lock on an ingest tells that somebody is at it. Blocks, and holds no lock for longer than a look.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass

from mirror.errors import Malformed
from mirror.oci.digest import Digest
from mirror.store.layout import Layout, ingest_digest, ingest_name
from mirror.store.total_note import noted_total

_BLOCK = 512  # bytes that `st_blocks` counts in


@dataclass(frozen=True, slots=True)
class Coming:
    """A blob that another process is storing: the bytes that it takes up now, and will in the end if that is known."""

    digest: Digest
    stored: int
    total: int | None


class Elsewhere(tuple[Coming, ...]):
    """All of them."""

    __slots__ = ()

    @property
    def digests(self) -> frozenset[Digest]:
        return frozenset(one.digest for one in self)

    @property
    def outstanding(self) -> int:
        """Bytes that are still to be written."""
        return sum(max((one.total or 0) - one.stored, 0) for one in self)

    def whole(self, largest: int) -> int:
        """Bytes that they will have in the end, but for those that are larger than `largest` and will not stay."""
        return sum(one.total for one in self if one.total is not None and one.total <= largest)


def look(layout: Layout, own: Collection[Digest]) -> Elsewhere:
    """What others are storing; `own` is what this process does. Raises OSError."""
    found = []
    for name in layout.filesystem.names(layout.ingest):
        try:
            digest = ingest_digest(name)
            coming = None if digest in own else _coming(layout, digest)
        except (Malformed, OSError):
            continue  # not made by us, or gone meanwhile
        if coming is not None:
            found.append(coming)
    return Elsewhere(found)


class Alongside:
    """The growing files of other processes, for those who read along."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def open(self, digest: Digest) -> int | None:
        """The file that this blob is being stored in, for its receiver to close; None when there is none.

        No more of it may be read than who stores it has said. It stays readable whatever becomes of the blob (S5).
        """
        files = self._layout.filesystem
        try:
            directory = files.open_directory(ingest_name(digest), self._layout.ingest)
        except OSError:
            return None
        try:
            return files.open_to_read("data", directory)[0]
        except OSError:
            return None
        finally:
            os.close(directory)

    def is_held(self, digest: Digest, descriptor: int) -> bool:
        """Whether somebody is still at work on the file that is open here."""
        again = self.open(digest)
        if again is None:
            return False
        try:
            files = self._layout.filesystem
            return files.status_of(again).st_ino == files.status_of(descriptor).st_ino and not files.lock(again)
        except OSError:
            return False
        finally:
            os.close(again)


def _coming(layout: Layout, digest: Digest) -> Coming | None:
    files = layout.filesystem
    directory = files.open_directory(ingest_name(digest), layout.ingest)
    try:
        data, status = files.open_to_read("data", directory)
        try:
            if files.lock(data):
                return None
        finally:
            os.close(data)
        return Coming(digest, status.st_blocks * _BLOCK, noted_total(files, directory))
    finally:
        os.close(directory)
