"""By what signs a directory is told to be a cache of ours, and which one is not to be taken. Changes nothing."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from mirror.store.filesystem import Filesystem

VERSION = "1"
ALGORITHMS = ("sha256", "sha512")
_HARMLESS = {"lost+found", ".gitkeep"}  # what an otherwise empty volume may hold
_FIRST = {"lock", "version"}  # made before anything else: a crash may have left no more than these
_ROOMS = ("ingest", "quarantine", *(f"blobs/{name}" for name in ALGORITHMS))
_DATABASES = ("catalog/cache.db", "index/index.db")


class Root:
    """The directory that is called `path` and open as `descriptor`, which stays whose it is. Raises OSError."""

    def __init__(self, path: Path, descriptor: int, files: Filesystem) -> None:
        self._path = path
        self._descriptor = descriptor
        self._files = files
        self._names = set(files.names(descriptor)) - _HARMLESS
        self.version = self._version() if "version" in self._names else ""

    @property
    def has_lost_its_version(self) -> bool:
        """Whether it is a cache of ours by every other sign: our rooms, all of them, and one of our databases."""
        return (
            not self.version
            and all(self._is(name, stat.S_IFDIR) for name in _ROOMS)
            and any(self._is(name, stat.S_IFREG) for name in _DATABASES)
        )

    def objection(self) -> str | None:
        """Why it cannot be used as a cache, and what to do; None if it can, or is as good as empty."""
        if self.version not in ("", VERSION):
            return f"the cache directory {self._path} has a layout that this version cannot read"
        if self.version or not self._names - _FIRST or self.has_lost_its_version:
            return None
        if "blobs" in self._names and self._names & {"ingest", "catalog", "index"}:
            return (
                f"{self._path} looks like a part of a cache of this program, but nothing is in its file `version`: "
                f"if it is one, write {VERSION} into it, and what is cached is kept; if not, name another storage.root"
            )
        return f"{self._path} is not empty and not a cache of this program: name another storage.root, or empty it"

    def _version(self) -> str:
        descriptor, _ = self._files.open_to_read("version", self._descriptor)
        try:
            text = self._files.read(descriptor, 32, 0).decode("ascii", "replace")
            return text.strip("\0\n ")  # zeros are what a power failure makes of a note that was not synced yet
        finally:
            os.close(descriptor)

    def _is(self, name: str, kind: int) -> bool:
        try:
            status = os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return stat.S_IFMT(status.st_mode) == kind


def objection(path: Path) -> str | None:
    """Why this cannot be used as a cache; None if it can, or is not there. Raises OSError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return Root(path, descriptor, Filesystem()).objection()
    finally:
        os.close(descriptor)
