"""The files in a tar archive that can be read from anywhere. Blocks.

Paths are looked up in a list that was made here: none of them, nor any link, leads out of the archive.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Protocol

from mirror.bundles.files import PIECE
from mirror.bundles.tar_format import BLOCK, Header, Kind
from mirror.bundles.tar_reader import TarReader
from mirror.errors import Code, Refused

_HOPS = 4  # links that are followed


class Source(Protocol):
    """The bytes of an archive."""

    def read(self, at: int, size: int) -> bytes:
        """So many bytes from a place on, fewer at the end. Raises Refused, OSError."""
        ...

    def close(self) -> None: ...


class Archive:
    """Of Files. A later member of the same path stands for it."""

    def __init__(self, source: Source) -> None:
        """Takes the source over. Raises Refused, OSError."""
        self._source = source
        self._found: dict[str, tuple[int, int]] = {}  # where the content begins, and its size
        self._links: dict[str, str] = {}
        try:
            self._look()
        except BaseException:
            source.close()
            raise

    def size(self, path: str) -> int | None:
        found = self._followed(path)
        return None if found is None else found[1]

    def pieces(self, path: str, offset: int = 0) -> Iterator[bytes]:
        begin, size = self._followed(path) or (0, 0)
        while offset < size:
            piece = self._source.read(begin + offset, min(PIECE, size - offset))
            if not piece:
                raise Refused(
                    "the archive cannot be read: it ends too soon: have it carried again", code=Code.BAD_REQUEST
                )
            offset += len(piece)
            yield piece

    def close(self) -> None:
        self._source.close()

    def _look(self) -> None:
        reader, at = TarReader(), 0
        while not reader.ended and (block := self._source.read(at, BLOCK)):
            at += len(block)
            for member in reader.feed(block):
                if isinstance(member, Header):
                    self._note(member, at)
                    at += reader.skip()
        reader.close()

    def _note(self, member: Header, at: int) -> None:
        self._links.pop(member.path, None)
        self._found.pop(member.path, None)
        if member.kind is Kind.FILE:
            self._found[member.path] = (at, member.size)
        elif member.kind is Kind.LINK:
            beside = posixpath.dirname(member.path) if member.is_symbolic else ""
            self._links[member.path] = posixpath.normpath(posixpath.join(beside, member.target))

    def _followed(self, path: str) -> tuple[int, int] | None:
        """Docker's older archives have a layer once, and links to it in place of the others."""
        for _ in range(_HOPS):
            if path not in self._links:
                break
            path = self._links[path]
        return self._found.get(path)
