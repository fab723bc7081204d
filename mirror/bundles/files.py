"""What a bundle or an archive of images consists of: files by their paths, listed once, then read in any order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from mirror.errors import Code, Refused

PIECE = 1024 * 1024  # bytes


class Files(Protocol):
    """Those of a directory or of an archive. Its opener closes it."""

    def size(self, path: str) -> int | None:
        """Bytes of a file, None if there is none."""
        ...

    def pieces(self, path: str, offset: int = 0) -> Iterator[bytes]:
        """The bytes of a file that is there, from `offset` on. Raises Refused, OSError."""
        ...

    def close(self) -> None: ...


def read(files: Files, path: str, largest: int) -> bytes | None:
    """A small file, None if there is none. Raises Refused when it is larger."""
    size = files.size(path)
    if size is None:
        return None
    if size > largest:
        raise Refused("a file that says what there is, is larger than any", code=Code.BAD_REQUEST)
    return b"".join(files.pieces(path))
