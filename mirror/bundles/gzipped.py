"""What `gzip` has packed, unpacked as it is read: nothing of it is put on a disk, and memory is bounded. Blocks.

Several members after each other are one file (RFC 1952, section 2.2), as parallel packers write them; zeros may follow.
"""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import NoReturn, Protocol

from mirror.bundles.archive import Source
from mirror.bundles.files import PIECE
from mirror.errors import Code, Refused

MAGIC = b"\x1f\x8b"
STEP = 4 * 1024**2  # unpacked bytes between two marks, at first
_MARKS = 512  # at most, of some 60 KiB each
_PACKED = 16 * 1024  # bytes that are read at once
_WITH_HEADER = 16 + zlib.MAX_WBITS


class _Inflation(Protocol):
    """As zlib's decompression object is."""

    @property
    def unconsumed_tail(self) -> bytes: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def eof(self) -> bool: ...
    def decompress(self, data: bytes, /, max_length: int) -> bytes: ...
    def copy(self) -> _Inflation: ...


class Unpacking:
    """How far unpacking has come: `at`, in bytes that were unpacked. `more` gives packed bytes from an offset on."""

    def __init__(self, more: Callable[[int], bytes], largest: int) -> None:
        """`largest`: bytes that may come of it."""
        self.at = 0
        self._more = more
        self._largest = largest
        self._offset = 0  # of the packed bytes that are to come
        self._packed = b""  # those that are there
        self._inflation: _Inflation = zlib.decompressobj(_WITH_HEADER)

    def copy(self) -> Unpacking:
        """The same, to be gone on with from here another time."""
        copied = Unpacking(self._more, self._largest)
        copied.at, copied._offset, copied._packed = self.at, self._offset, self._packed
        copied._inflation = self._inflation.copy()
        return copied

    def next(self) -> bytes:
        """The next bytes, none at the end. Raises Refused when they are damaged or too many, and what `more` raises."""
        while True:
            is_over = not self._fill()
            if self._inflation.eof:
                self._packed = self._packed.lstrip(b"\0")
                if is_over:
                    return b""
                if not self._packed:
                    continue
                self._inflation = zlib.decompressobj(_WITH_HEADER)
            data = self._inflate()
            if data:
                self.at += len(data)
                if self.at > self._largest:
                    raise Refused("what is packed in it is larger than the cache may be", code=Code.STORAGE)
                return data
            if is_over and not self._inflation.eof:
                _damaged("it ends too soon")

    def _fill(self) -> bool:
        """Whether there are packed bytes."""
        if not self._packed:
            self._packed = self._more(self._offset)
            self._offset += len(self._packed)
        return bool(self._packed)

    def _inflate(self) -> bytes:
        try:
            data = self._inflation.decompress(self._packed, PIECE)
        except zlib.error:
            _damaged("it is damaged")
        self._packed = self._inflation.unused_data if self._inflation.eof else self._inflation.unconsumed_tail
        return data


class Gunzipped:
    """A packed file, read from anywhere as if it were not: of Source.

    Marks are set on the way; to go back is to go on from the last one before.
    """

    def __init__(self, source: Source, largest: int, step: int = STEP) -> None:
        """Takes the source over. `largest`: unpacked bytes."""
        self._source = source
        self._step = step
        self._unpacking = Unpacking(lambda offset: source.read(offset, _PACKED), largest)
        self._marks = [self._unpacking.copy()]
        self._held = b""  # what was unpacked last, which ends where the unpacking is

    def read(self, at: int, size: int) -> bytes:
        """So many bytes from a place on, fewer at the end. Raises Refused, OSError."""
        self._go_to(at)
        found = bytearray()
        while len(found) < size:
            left = self._unpacking.at - (at + len(found))  # of what is held
            if left <= 0:
                if not self._advance():
                    break
                continue
            begin = len(self._held) - left
            found += self._held[begin : begin + size - len(found)]
        return bytes(found)

    def close(self) -> None:
        self._source.close()

    def _go_to(self, at: int) -> None:
        """Have the byte there among those that are held, or be before it."""
        mark = self._marks[bisect_right(self._marks, at, key=lambda mark: mark.at) - 1]
        if at < self._unpacking.at - len(self._held) or self._unpacking.at < mark.at:
            self._unpacking, self._held = mark.copy(), b""

    def _advance(self) -> bool:
        self._held = self._unpacking.next()
        if self._unpacking.at >= self._marks[-1].at + self._step:
            self._marks.append(self._unpacking.copy())
            if len(self._marks) > _MARKS:
                self._marks, self._step = self._marks[::2], self._step * 2
        return bool(self._held)


def gunzipped(pieces: Iterable[bytes], largest: int) -> Iterator[bytes]:
    """What is packed in these pieces, unpacked. Raises Refused when it is damaged or larger, and what they raise."""
    # Small ones: what comes after the end of a member is copied, and a stranger may end one every 20 bytes.
    packed = (piece[at : at + _PACKED] for piece in pieces for at in range(0, len(piece), _PACKED))
    unpacking = Unpacking(lambda _: next(packed, b""), largest)
    while data := unpacking.next():
        yield data


def _damaged(words: str) -> NoReturn:
    raise Refused(f"what gzip has packed cannot be read: {words}: have it carried again", code=Code.BAD_REQUEST)
