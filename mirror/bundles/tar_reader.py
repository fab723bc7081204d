"""A tar archive as it comes, read without waiting for its end. Sans I/O: bytes are fed, members and pieces come out.

Nothing of it is believed but its lengths: no path here is one on any disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

from mirror.bundles.tar_format import BLOCK, Extension, Header, Kind, extended, extension, padding, parse
from mirror.errors import Code, Refused

MOST = 1_000_000  # members

_NOTES = {Kind.EXTENSION, Kind.LONG_PATH, Kind.LONG_LINK}


class TarReader:
    """`feed` it all bytes in their order, then `close` it. Holds at most a block, or a header's extension."""

    def __init__(self, most: int = MOST) -> None:
        """`most`: members."""
        self._most = most
        self.ended = False  # the archive's own end has been read
        self._held = bytearray()
        self._left = 0  # bytes of the current member's content
        self._padding = 0
        self._note: Kind | None = None
        self._more = Extension()
        self._members = 0

    def feed(self, data: bytes) -> Iterator[Header | bytes]:
        """Each member of which the header is complete now, and after it the pieces of its content.

        To be read to its end before more is fed. Raises Refused.
        """
        view, at = memoryview(data), 0
        while at < len(view):
            if self._left and self._note is None:
                piece = bytes(view[at : at + self._left])
                self._left -= len(piece)
                at += len(piece)
                yield piece
            else:
                wanted = (self._left or self._padding or BLOCK) - len(self._held)
                self._held += view[at : at + wanted]
                at += wanted
                if at <= len(view):
                    yield from self._complete()

    def skip(self) -> int:
        """Leave the current member's content out; how many bytes of the input that is, which are not to be fed."""
        left = self._left + self._padding
        self._left = self._padding = 0
        return left

    def close(self) -> None:
        """Raises Refused when the archive is not at its end."""
        if not self.ended or self._left or self._held.strip(b"\0"):
            _refuse("it ends too soon: have it carried again")

    def _complete(self) -> Iterator[Header]:
        """The bytes held are all that was wanted: an extension, padding, or a header."""
        held = bytes(self._held)
        self._held.clear()
        if self._left:
            self._left = 0
            if self._note in _NOTES:
                self._more = _joined(self._more, extension(self._note, held))
            self._note = None
        elif self._padding:
            self._padding = 0
            if any(held):
                _refuse("there is something where nothing should be")
        elif self.ended:
            if any(held):
                _refuse("something follows its end")
        else:
            yield from self._begin(parse(held))

    def _begin(self, header: Header | None) -> Iterator[Header]:
        if header is None:
            self.ended = True
            return
        self._members += 1
        if self._members > self._most:
            _refuse("it has too many members")
        if header.kind is Kind.IGNORED or header.kind in _NOTES:
            self._note = header.kind if header.size else None
        else:
            header, self._more = extended(header, self._more), Extension()
        self._left, self._padding = header.size, padding(header.size)
        if header.kind is not Kind.IGNORED and header.kind not in _NOTES:
            yield header


def _joined(first: Extension, second: Extension) -> Extension:
    return Extension(
        first.path if second.path is None else second.path,
        first.target if second.target is None else second.target,
        first.size if second.size is None else second.size,
    )


def _refuse(words: str) -> NoReturn:
    raise Refused(f"the archive cannot be read: {words}", code=Code.BAD_REQUEST)
