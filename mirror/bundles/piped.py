"""A bundle that comes through a pipe: its seal is checked before any of it is passed on. Blocks.

What else could come so does not say at its beginning what it is, and has to be put into a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Protocol

from mirror.bundles.contents import LARGEST, Contents
from mirror.bundles.files import PIECE
from mirror.bundles.layout import CONTENTS, LAYOUT, SEAL
from mirror.bundles.seal import check
from mirror.bundles.tar_format import Header
from mirror.bundles.tar_reader import TarReader
from mirror.errors import Code, Refused

_FIRST = {LAYOUT, CONTENTS, SEAL}
_MOST = LARGEST + 1024 * 1024  # bytes up to the end of the seal


class Pipe(Protocol):
    """As a buffered reader is."""

    def read(self, size: int, /) -> bytes:
        """So many bytes, fewer at the end."""
        ...

    def read1(self, size: int, /) -> bytes:
        """What has come, at most so many bytes; none at the end."""
        ...


def passed_on(pipe: Pipe, key: bytes | None) -> tuple[Contents, bool, Iterator[bytes]]:
    """What comes, whether it is signed, and all its bytes. `key`: the signature has to be by it. Raises Refused."""
    begin, files = _heading(pipe)
    is_signed = check(files[CONTENTS], files[SEAL], key)
    return Contents.parse(files[CONTENTS]), is_signed, chain([begin], iter(lambda: pipe.read1(PIECE), b""))


def _heading(pipe: Pipe) -> tuple[bytes, dict[str, bytes]]:
    """The bytes that were read, and the files that are complete."""
    reader, read, files = TarReader(), bytearray(), dict[str, bytearray]()
    current, left = bytearray(), 0
    while not (SEAL in files and left == 0):
        data = pipe.read(512)
        read += data
        if not data or len(read) > _MOST:
            raise _refused()
        for event in _fed(reader, data):
            if isinstance(event, Header):
                if event.path not in _FIRST:
                    raise _refused()
                current, left = files.setdefault(event.path, bytearray()), event.size
            else:
                current += event
                left -= len(event)
    if CONTENTS not in files:
        raise _refused()
    return bytes(read), {path: bytes(file) for path, file in files.items()}


def _fed(reader: TarReader, data: bytes) -> Iterator[Header | bytes]:
    try:
        yield from reader.feed(data)
    except Refused:
        raise _refused() from None  # no archive, or one that is packed


def _refused() -> Refused:
    words = "what comes through the pipe does not begin as a bundle of `mirror export`: save it to a file, import that"
    return Refused(words, code=Code.BAD_REQUEST)
