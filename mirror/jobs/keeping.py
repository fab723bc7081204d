"""Whether the disk has kept a blob that has come, by a fetch of this process or of another one. Asks no upstream."""

from __future__ import annotations

import asyncio
import os

from mirror.errors import StoreFailed
from mirror.oci.digest import Digest
from mirror.pull.fetches import Fetches
from mirror.pull.reading import opened
from mirror.pull.upstreams import Target
from mirror.store.store import Store

_LONGEST = 300.0  # seconds that a disk may take
_LOOK = 0.1  # seconds between two looks at what another process does


async def kept(fetches: Fetches, store: Store, target: Target, digest: Digest) -> None:
    """Wait until the blob is stored. Raises StoreFailed when it will not be, or not in time. May be cancelled."""
    try:
        async with asyncio.timeout(_LONGEST):
            fetch = fetches.find(target, digest)
            if fetch is not None:
                await fetch.ended.wait()
            while not await _is_stored(store, digest):
                if store.siblings.count == 1 or not await _is_held_elsewhere(store, digest):
                    break
                await asyncio.sleep(_LOOK)
    except TimeoutError:
        raise StoreFailed("the disk takes too long to keep a blob") from None
    if not await _is_stored(store, digest):  # nor was it just before nobody held it any more
        raise StoreFailed("a blob came, but the disk has no room for it: see storage.max_size and min_free")


async def _is_stored(store: Store, digest: Digest) -> bool:
    if store.blobs.knows(digest):
        return True
    blob = await opened(store, digest)
    if blob is None:
        return False
    blob.close()
    return True


async def _is_held_elsewhere(store: Store, digest: Digest) -> bool:
    descriptor = await store.run(store.alongside.open, digest)
    if descriptor is None:
        return False
    try:
        return await store.run(store.alongside.is_held, digest, descriptor)
    finally:
        os.close(descriptor)
