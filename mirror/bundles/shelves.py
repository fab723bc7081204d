"""Where content lies that goes into a bundle: in a cache, or in the files of an image layout. Blocks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Protocol

from mirror.bundles.files import PIECE, Files
from mirror.bundles.layout import path_of
from mirror.errors import MirrorError
from mirror.oci.digest import Digest
from mirror.store.open_blob import OpenBlob


class Shelves(Protocol):
    """Content by its digest. What is read is not verified here."""

    def size(self, digest: Digest) -> int | None:
        """Bytes of the content, None if it is not there."""
        ...

    def read(self, digest: Digest) -> Iterator[bytes]:
        """Its bytes, in pieces. Raises MirrorError when it has gone, OSError."""
        ...


class Opening(Protocol):
    """A cache that is looked into: `Looking`, in life."""

    def open_blob(self, digest: Digest) -> OpenBlob | None: ...


class CacheShelves:
    """Those of a cache, which a mirror may be using."""

    def __init__(self, cache: Opening) -> None:
        self._cache = cache

    def size(self, digest: Digest) -> int | None:
        blob = self._cache.open_blob(digest)
        if blob is None:
            return None
        blob.close()
        return blob.size

    def read(self, digest: Digest) -> Iterator[bytes]:
        blob = self._cache.open_blob(digest)
        if blob is None:
            raise MirrorError(f"{digest} has just been evicted: export again")
        with blob:
            at = 0
            while data := os.pread(blob.descriptor, PIECE, at):
                at += len(data)
                yield data


class FileShelves:
    """Those of an OCI image layout."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def size(self, digest: Digest) -> int | None:
        return self._files.size(path_of(digest))

    def read(self, digest: Digest) -> Iterator[bytes]:
        return self._files.pieces(path_of(digest))
