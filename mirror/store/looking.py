"""A cache directory to look into, whoever uses it: nothing is written there, no lock is taken, and nobody is asked."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Self

from mirror.errors import StoreFailed
from mirror.oci.digest import Digest
from mirror.store.filesystem import Filesystem
from mirror.store.images import Images
from mirror.store.index import DatabaseError, Index
from mirror.store.open_blob import OpenBlob
from mirror.store.signs import ALGORITHMS

_TABLES = {"images", "needs", "pins", "blobs", "brought"}


class Looking:
    """`images` and the blobs of the directory at `root`, from entering it until leaving it. On one thread; blocks."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files = Filesystem()
        self._open = contextlib.ExitStack()
        self.images: Images

    def __enter__(self) -> Self:
        """Raises StoreFailed when there is no cache, or one that no mirror of this version has used yet."""
        try:
            with contextlib.ExitStack() as opened:
                index = Index.look(self._root / "index")
                opened.callback(index.close)
                tables = {name for (name,) in index.read("SELECT name FROM sqlite_master WHERE type = 'table'")}
                if not tables >= _TABLES:
                    raise StoreFailed(f"the cache in {self._root} is of an older version: start the mirror on it once")
                self._blobs = {name: self._directory(opened, name) for name in ALGORITHMS}
                self._open = opened.pop_all()
        except (OSError, DatabaseError) as error:
            words = "cannot be looked into as a cache: is it the storage.root that you mean, and yours to read?"
            raise StoreFailed(f"{self._root} {words}") from error
        self.index = index
        self.images = Images(index)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def open_blob(self, digest: Digest) -> OpenBlob | None:
        """A stored blob, open, for the caller to close; None when there is none.

        It was verified when it was stored and is not looked at again here: who reads it should hash it.
        Raises StoreFailed when it cannot be read.
        """
        try:
            descriptor, status = self._files.open_to_read(digest.encoded, self._blobs[digest.algorithm])
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreFailed(f"a blob cannot be read: {error.strerror}") from error
        return OpenBlob(digest, status.st_size, descriptor)

    def _directory(self, opened: contextlib.ExitStack, algorithm: str) -> int:
        descriptor = os.open(self._root / "blobs" / algorithm, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        opened.callback(os.close, descriptor)
        return descriptor
