"""What manifests need, and which images there are, found out from what is stored: for an index that does not know it.

It is so after the index was lost, in a cache that an older version has filled, and for what could not be noted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from mirror.errors import Malformed
from mirror.oci.digest import Digest
from mirror.oci.needs import needs_of
from mirror.store.images import Images
from mirror.store.index import GATHERED, Index
from mirror.store.layout import Layout

_BATCH = 100  # documents a step, so that the writer gets its turn
_LARGEST = 16 * 1024**2  # bytes: no registry takes manifests that are larger

_MANIFESTS = """
SELECT upstream, repository, digest, coalesce(content, digest), media_type FROM members INDEXED BY manifests
WHERE media_type IS NOT NULL AND (upstream, repository, digest) > (?, ?, ?)
ORDER BY upstream, repository, digest LIMIT ?
"""
# What no document needs is an image by itself; when it was pulled nobody knows, but not later than it was used.
_IMAGE = """
INSERT OR IGNORE INTO images SELECT ?1, ?2, ?3, ?4, last_use, last_use, last_use, NULL, 1 FROM blobs
WHERE digest = ?4 AND NOT EXISTS (SELECT 1 FROM needs WHERE child = ?4)
"""
_LOOSE = """
INSERT OR IGNORE INTO loose SELECT digest, last_use FROM blobs WHERE digest > ?1 AND digest <= ?2
AND NOT EXISTS (SELECT 1 FROM needs WHERE child = blobs.digest)
AND NOT EXISTS (SELECT 1 FROM images WHERE content = blobs.digest)
"""

Row = tuple[Any, ...]


def gather(layout: Layout, index: Index) -> Iterator[int]:
    """Note what is not known, a transaction a step; each step tells how many rows it looked at.

    Safe while the store serves. Blocks; of a document that is known already it costs a look, else its bytes are read.
    """
    images = Images(index)
    for rows in _pages(index):
        with index:
            for *_, content, media_type in rows:
                if not images.is_noted(content) and (body := _read(layout, content)) is not None:
                    images.note(content, needs_of(body, media_type))
        yield len(rows)
    if index.stage >= GATHERED:
        return
    for rows in _pages(index):
        with index:
            index.write(_IMAGE, *(row[:4] for row in rows))
        yield len(rows)
    after = ""
    while digests := index.digests(after, _BATCH * 10):
        with index:
            index.write(_LOOSE, (after, digests[-1]))
        after = digests[-1]
        yield len(digests)
    index.set_stage(GATHERED)


def _pages(index: Index) -> Iterator[list[Row]]:
    """The manifests that repositories were proven to have, in the order of their names."""
    after: Row = ("", "", "")
    while rows := [*index.read(_MANIFESTS, (*after, _BATCH))]:
        yield rows
        after = rows[-1][:3]


def _read(layout: Layout, name: str) -> bytes | None:
    """The document, None for one that cannot be read, or is not as it should be."""
    try:
        digest = Digest.parse(name)
        descriptor, status = layout.filesystem.open_to_read(*layout.blob(digest))
    except (Malformed, OSError):
        return None
    try:
        body = layout.filesystem.read(descriptor, min(status.st_size, _LARGEST), 0)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return body if digest.verifies(body) else None
