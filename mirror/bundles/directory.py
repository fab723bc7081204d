"""The files below a directory. Blocks.

Only regular ones count, and no link leads out of it, whoever changes it meanwhile.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from mirror.bundles.files import PIECE
from mirror.bundles.tar_reader import MOST
from mirror.errors import Code, Refused

_DEPTH = 8  # directories below each other
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class Directory:
    """Of Files."""

    def __init__(self, root: Path) -> None:
        """Raises OSError, Refused."""
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._sizes: dict[str, int] = {}
        try:
            self._look("", self._root, _DEPTH)
        except BaseException:
            self.close()
            raise

    def size(self, path: str) -> int | None:
        return self._sizes.get(path)

    def pieces(self, path: str, offset: int = 0) -> Iterator[bytes]:
        descriptor = self._open(path)
        try:
            while piece := os.pread(descriptor, PIECE, offset):
                offset += len(piece)
                yield piece
        finally:
            os.close(descriptor)

    def close(self) -> None:
        os.close(self._root)

    def _look(self, prefix: str, directory: int, depth: int) -> None:
        with os.scandir(directory) as entries:
            for entry in entries:
                if len(self._sizes) >= MOST:
                    raise Refused("the directory holds too many files to be a bundle", code=Code.BAD_REQUEST)
                if entry.is_file(follow_symlinks=False):
                    self._sizes[prefix + entry.name] = entry.stat(follow_symlinks=False).st_size
                elif depth and entry.is_dir(follow_symlinks=False):
                    inner = os.open(entry.name, _DIRECTORY, dir_fd=directory)
                    try:
                        self._look(f"{prefix}{entry.name}/", inner, depth - 1)
                    finally:
                        os.close(inner)

    def _open(self, path: str) -> int:
        """Each step without following links: what was listed may have been exchanged since."""
        *parents, name = path.split("/")
        directory = os.dup(self._root)
        try:
            for parent in parents:
                inner = os.open(parent, _DIRECTORY, dir_fd=directory)
                os.close(directory)
                directory = inner
            descriptor = os.open(name, _FILE, dir_fd=directory)
        finally:
            os.close(directory)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise Refused("a file of the bundle is none any more", code=Code.BAD_REQUEST)
        return descriptor
