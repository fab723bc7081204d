"""A blob's ingest, for whoever is to fill it; or the blob, where somebody has just stored it. Asks no upstream."""

from __future__ import annotations

from mirror.oci.digest import Digest
from mirror.pull.reading import opened
from mirror.store.ingest import Ingest
from mirror.store.open_blob import OpenBlob
from mirror.store.store import Store


async def claimed(store: Store, digest: Digest) -> Ingest | OpenBlob:
    """The ingest, for its receiver to end; or the blob, for its receiver to close, if it is stored by now (F1).

    Another process publishes a blob before it lets go of the ingest. So only who has the ingest, and then finds no
    blob, may be sure that nobody has fetched it. Raises StoreBusy, StoreFailed. May be cancelled.
    """
    ingest = await store.begin(digest)
    try:
        stored = await opened(store, digest)
    except BaseException:
        await store.leave(ingest)
        raise
    if stored is None:
        return ingest
    try:
        await store.drop(ingest)
    except BaseException:
        stored.close()
        raise
    return stored
