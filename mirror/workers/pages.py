"""One document for each worker, in memory that all of them share, and that outlives the one who wrote it.

Each page has two halves, written in turn: one who is killed while he writes leaves what he wrote before. Knows nothing
of what is written.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

HALF = 1024 * 1024  # bytes; memory is taken only where something has been written

_SEAL = struct.Struct("<I")  # a checksum of all that follows
_HEAD = struct.Struct("<QQI")  # sequence, incarnation, length
_ROOM = HALF - _SEAL.size - _HEAD.size
_LOOKS = 3  # at a page that is being written


@dataclass(frozen=True, slots=True)
class Page:
    """What was written last, by which incarnation."""

    incarnation: int
    content: bytes


class Pages:
    """`count` pages, made before the first fork. A page has one writer at a time; anybody may read."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._memory = mmap.mmap(-1, count * 2 * HALF)

    def write(self, number: int, page: Page) -> bool:
        """Replace the page. False when it is too large, and the one before stays."""
        packed = zlib.compress(page.content, 1)
        if len(packed) > _ROOM:
            return False
        sequence = max((sequence for sequence, _, _ in self._halves(number)), default=0) + 1
        sealed = _HEAD.pack(sequence, page.incarnation, len(packed)) + packed
        start = self._start(number, sequence % 2)
        self._memory[start + _SEAL.size : start + _SEAL.size + len(sealed)] = sealed
        _SEAL.pack_into(self._memory, start, zlib.crc32(sealed))
        return True

    def read(self, number: int) -> Page | None:
        """What was last written there, None if nothing was."""
        for _ in range(_LOOKS):
            halves = list(self._halves(number))
            if halves:
                _, incarnation, packed = max(halves)
                return Page(incarnation, zlib.decompress(packed))
        return None

    def _halves(self, number: int) -> Iterator[tuple[int, int, bytes]]:
        """Sequence, incarnation and content of each half that is whole."""
        for half in (0, 1):
            start = self._start(number, half)
            seal = _SEAL.unpack_from(self._memory, start)[0]
            sequence, incarnation, length = _HEAD.unpack_from(self._memory, start + _SEAL.size)
            if not sequence or length > _ROOM:
                continue
            sealed = self._memory[start + _SEAL.size : start + _SEAL.size + _HEAD.size + length]
            # Read once more from the copy: what was read before may have changed since.
            if zlib.crc32(sealed) == seal and sealed[: _HEAD.size] == _HEAD.pack(sequence, incarnation, length):
                yield sequence, incarnation, sealed[_HEAD.size :]

    def _start(self, number: int, half: int) -> int:
        return (2 * number + half) * HALF
