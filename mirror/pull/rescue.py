"""What readers have had already, of a file that nobody goes on with: taken up from there, or found in another file.

Blocks: both functions read as much as there is. Knows neither fetches nor where the rest is to come from.
"""

from __future__ import annotations

import os

from mirror.errors import StoreFailed
from mirror.oci.digest import Digest
from mirror.store.spool import Spool

_PIECE = 1024 * 1024


def spooled(digest: Digest, descriptor: int, size: int, total: int | None) -> Spool:
    """A spool that goes on after the first `size` bytes of the open file. Raises StoreFailed."""
    hasher, offset = digest.hasher(), 0
    while offset < size:
        piece = _read(descriptor, min(_PIECE, size - offset), offset)
        hasher.update(piece)
        offset += len(piece)
    return Spool(digest, hasher, size, total)


def begin_alike(one: int, other: int, size: int) -> bool:
    """Whether the first `size` bytes of two open files are the same. Raises StoreFailed."""
    offset = 0
    while offset < size:
        piece = _read(one, min(_PIECE, size - offset), offset)
        if _read(other, len(piece), offset) != piece:
            return False
        offset += len(piece)
    return True


def _read(descriptor: int, size: int, offset: int) -> bytes:
    try:
        piece = os.pread(descriptor, size, offset)
    except OSError as error:
        raise StoreFailed("what readers have had of a blob cannot be read again") from error
    if not piece:
        raise StoreFailed("what readers have had of a blob is no longer there")
    return piece
