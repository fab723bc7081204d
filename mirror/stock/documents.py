"""Stored manifests and configurations, read to be looked at. What is not what its name says is as good as absent."""

from __future__ import annotations

import os

from mirror.oci.digest import Digest
from mirror.store.looking import Looking

_LARGEST = 16 * 1024**2  # bytes; manifests are mostly of some kilobytes


def read_document(looking: Looking, digest: Digest) -> bytes | None:
    """The bytes of a small blob, if they are here and are what the digest names. Blocks. Raises StoreFailed."""
    blob = looking.open_blob(digest)
    if blob is None:
        return None
    with blob:
        if blob.size > _LARGEST:
            return None
        try:
            body = os.pread(blob.descriptor, blob.size, 0)
        except OSError:
            return None
    return body if digest.verifies(body) else None
