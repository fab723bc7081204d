"""Files by their paths, in a directory or in a tar archive: listed once, then opened in any order. Blocks.

Paths are looked up in a list that was made here: none of them, nor any link, leads out of the directory or archive.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from mirror.bundles.tar_format import BLOCK, Header, Kind
from mirror.bundles.tar_reader import MOST, TarReader
from mirror.errors import Code, Refused

PIECE = 1024 * 1024  # bytes
_HOPS = 4  # links that are followed
_DEPTH = 8  # directories below each other
_GZIP = b"\x1f\x8b"


class Files(Protocol):
    """What a bundle or an archive of images consists of. Its opener closes it."""

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


class Directory:
    """A directory, of which only regular files count."""

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


class Archive:
    """A tar archive in a file that can be read from anywhere. A later member of the same path stands for it."""

    def __init__(self, file: BinaryIO) -> None:
        """Takes the file over, from its beginning. Raises Refused, OSError."""
        self._file = file
        self._found: dict[str, tuple[int, int]] = {}  # where the content begins, and its size
        self._links: dict[str, str] = {}
        try:
            self._look()
        except BaseException:
            file.close()
            raise

    def size(self, path: str) -> int | None:
        found = self._followed(path)
        return None if found is None else found[1]

    def pieces(self, path: str, offset: int = 0) -> Iterator[bytes]:
        begin, size = self._followed(path) or (0, 0)
        while offset < size:
            piece = os.pread(self._file.fileno(), min(PIECE, size - offset), begin + offset)
            if not piece:
                raise Refused("the archive cannot be read: it ends too soon", code=Code.BAD_REQUEST)
            offset += len(piece)
            yield piece

    def close(self) -> None:
        self._file.close()

    def _look(self) -> None:
        reader, at, end = TarReader(), 0, os.fstat(self._file.fileno()).st_size
        while not reader.ended and (block := os.pread(self._file.fileno(), BLOCK, at)):
            if at == 0 and block.startswith(_GZIP):
                raise Refused("the archive is compressed: gunzip it first", code=Code.BAD_REQUEST)
            at += len(block)
            for member in reader.feed(block):
                if isinstance(member, Header):
                    self._note(member, at)
                    at += reader.skip()
        if at > end:
            raise Refused("the archive cannot be read: it ends too soon", code=Code.BAD_REQUEST)
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


_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def opened(path: Path) -> Files:
    """What lies at the path, for the caller to close. Raises Refused, OSError."""
    with suppress(NotADirectoryError):
        return Directory(path)
    return Archive(path.open("rb"))
