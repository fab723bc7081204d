"""What lies at a path, whether it is a directory, an archive, or one that gzip has packed. Blocks."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from mirror.bundles.archive import Archive, Source
from mirror.bundles.directory import Directory
from mirror.bundles.files import Files
from mirror.bundles.gzipped import MAGIC, Gunzipped
from mirror.errors import Code, Refused

LARGEST = 1 << 40  # bytes that may be packed in an archive
_UNPACKERS = {b"\x28\xb5\x2f\xfd": "zstd -d", b"\xfd7zXZ": "unxz", b"BZh": "bunzip2"}


class Plain:
    """A file, as its bytes are."""

    def __init__(self, descriptor: int) -> None:
        """Takes the descriptor over."""
        self._descriptor = descriptor

    def read(self, at: int, size: int) -> bytes:
        """So many bytes from a place on, fewer at the end. Raises OSError."""
        return os.pread(self._descriptor, size, at)

    def close(self) -> None:
        os.close(self._descriptor)


def opened(path: Path, largest: int = LARGEST) -> Files:
    """What lies at the path, for the caller to close. `largest`: bytes that may come of an archive that is packed.

    Raises Refused, OSError.
    """
    with suppress(NotADirectoryError):
        return Directory(path)
    return Archive(_source(path, largest))


def unpacker_of(begin: bytes) -> str | None:
    """The command that unpacks what begins so and is not unpacked here, None for what is not known as packed."""
    return next((command for magic, command in _UNPACKERS.items() if begin.startswith(magic)), None)


def _source(path: Path, largest: int) -> Source:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    plain = Plain(descriptor)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _refused("that is no file: only a bundle comes through a pipe, and is called - then")
        begin = plain.read(0, 8)
        command = unpacker_of(begin)
        if command is not None:
            raise _refused(f"the archive is packed in a way that is not unpacked here: `{command}` does that")
    except BaseException:
        plain.close()
        raise
    return Gunzipped(plain, largest) if begin.startswith(MAGIC) else plain


def _refused(words: str) -> Refused:
    return Refused(words, code=Code.BAD_REQUEST)
