"""A place in memory for what has to be written although the disk takes nothing: copies of the databases, for a while.

Nobody else can read it. It goes with its process; what a killed one has left is cleared away by the next.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from mirror.store.catalog import Catalog
from mirror.store.database_copy import copy, size_of
from mirror.store.index import DatabaseError, Index

_PREFIX = "mirror-refuge-"
_LARGEST = 256 * 1024 * 1024  # bytes of both databases
_FRESH = 60.0  # seconds in which somebody may be about to hold what he has just made
_MEMORY = Path("/dev/shm")  # noqa: S108 - made there with a name that nobody knows, and for nobody else


class Refuge:
    """Two directories for databases. Whoever makes it closes it."""

    def __init__(self, places: Sequence[Path | None] = (_MEMORY, None)) -> None:
        """Make it in the first of these places that takes it; None: where the system has such. Raises OSError."""
        self.path = _made(places)
        self._held = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._voids = 0
        fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.catalog, self.index = self.path / "catalog", self.path / "index"
        self.empty()

    def take_in(self, root: Path) -> bool:
        """Copy the databases that this cache directory has; whether all of what is there could be copied."""
        files = [(root / "catalog" / Catalog.FILE, self.catalog), (root / "index" / Index.FILE, self.index)]
        try:
            needed = [size_of(source) for source, _ in files]
            if sum(needed) > min(_LARGEST, shutil.disk_usage(self.path).free // 2):
                return False
            for (source, target), size in zip(files, needed, strict=True):
                if size:
                    copy(source, target / source.name)
        except (OSError, DatabaseError):
            return False
        return True

    def empty(self) -> None:
        """Let go of what was copied. Raises OSError."""
        for directory in (self.catalog, self.index):
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(mode=0o700)

    def void(self) -> int:
        """An open directory in which nothing is, nor can be made; for the caller to close. Raises OSError."""
        self._voids += 1
        path = self.path / f"void-{self._voids}"
        path.mkdir(mode=0o700)
        opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        path.rmdir()
        return opened

    def close(self) -> None:
        """Remove it. Harmless when repeated."""
        if self._held >= 0:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self._held)
            self._held = -1


def _made(places: Sequence[Path | None]) -> Path:
    refused: OSError = OSError("there is no place to make it in")
    for named in places:
        try:
            place = Path(tempfile.gettempdir()) if named is None else named
            for left in _left_behind(place):
                shutil.rmtree(left, ignore_errors=True)
            return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
        except OSError as error:
            refused = error
    raise refused


def _left_behind(place: Path) -> Iterator[Path]:
    """Those of ours that no process has any more."""
    for path in place.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            found = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                status = os.fstat(found)
                if status.st_uid == os.geteuid() and status.st_mtime < time.time() - _FRESH:
                    fcntl.flock(found, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    yield path
            finally:
                os.close(found)
