"""Verified content becomes visible, trusted and counted, whoever waits for that. Knows not where it came from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from mirror.oci.digest import Digest
from mirror.store.blobs import Blobs
from mirror.store.hearsay import Hearsay
from mirror.store.housekeeping import Housekeeping
from mirror.store.ingest import Ingest, Stamp
from mirror.store.layout import Layout
from mirror.store.threads import Threads
from mirror.tasks import outlast


class Publishing:
    """`hearsay` tells the other processes of each blob."""

    def __init__(self, threads: Threads, house: Housekeeping, blobs: Blobs, hearsay: Hearsay) -> None:
        self._threads = threads
        self._house = house
        self._blobs = blobs
        self._hearsay = hearsay

    async def publish(self, digest: Digest, call: Callable[[], Stamp | None]) -> None:
        """Have `call` publish it in a thread, and trust what it has. Raises what it raises. When cancelled it is done.

        `call` returns the stamp of the file, None when there was one already.
        """
        publishing = self._threads.begin_slowly(call)
        publishing.add_done_callback(lambda done: self._published(digest, done))
        await outlast(publishing)

    def _published(self, digest: Digest, publishing: asyncio.Future[Stamp | None]) -> None:
        if publishing.exception() is None and (stamp := publishing.result()) is not None:
            self._house.stored(stamp.size)
            self._blobs.trusted(digest, stamp)
            self._hearsay.tell_stored(digest, stamp)


def store_whole(layout: Layout, digest: Digest, data: bytes, durable: bool) -> Stamp | None:
    """Store a small blob in one go; None when it is there already. Raises DigestMismatch, StoreBusy, StoreFailed."""
    ingest = Ingest(layout, digest, durable)
    try:
        ingest.restart()
        ingest.append(data)
        return ingest.commit()
    finally:
        ingest.abort()
