"""Stored content, opened or read in one go. What the disk does not give is as good as absent: the upstream has it."""

from __future__ import annotations

import os

from mirror.errors import StoreFailed
from mirror.oci.digest import Digest
from mirror.store.open_blob import OpenBlob
from mirror.store.store import Store
from mirror.tasks import worked


async def opened(store: Store, digest: Digest) -> OpenBlob | None:
    """The blob for its receiver to close, or None. May be cancelled; waits only when a file has to be verified."""
    try:
        return await store.blobs.open(digest)
    except StoreFailed:
        return None


async def read_whole(store: Store, blob: OpenBlob) -> bytes | None:
    """All bytes of the blob, which is closed by this; None when they cannot be had, and then the blob is doubted."""
    with blob:
        try:
            body = await worked(blob.size, os.pread, blob.descriptor, blob.size + 1, 0)
        except OSError:
            body = None
    if body is None or len(body) != blob.size:
        store.blobs.doubt(blob.digest)
        return None
    return body
