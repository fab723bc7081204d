"""Rooms of the store on their own, and housekeeping with the rooms that it keeps."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

from mirror.oci.digest import Digest
from mirror.siblings import Alone
from mirror.store.blobs import Blobs
from mirror.store.databases import Databases
from mirror.store.eviction import Room
from mirror.store.filesystem import Filesystem
from mirror.store.housekeeping import Housekeeping
from mirror.store.ingest import Stamp
from mirror.store.layout import Layout
from mirror.store.leases import Leases
from mirror.store.pull_notes import PullNotes
from mirror.store.readers import Readers
from mirror.store.removal import Removal
from mirror.store.rounds import Rounds
from tests.support.caches import ENDLESS, blob, descriptors, layout_at, path_of

DIGEST, DATA = blob(1, 5000)


class House:
    """A housekeeping with its rooms."""

    def __init__(self, layout: Layout, databases: Databases, blobs: Blobs, room: Room) -> None:
        self.layout = layout
        self.root = layout.root
        self.pulls = PullNotes(databases.write_index)
        self.removal = Removal(databases, blobs, self.pulls, Readers(Alone()))
        leases = Leases(layout, Alone(), databases.flush)
        self.keeping = Housekeeping(layout, databases, self.removal, room, leases)
        self.databases = databases
        self.blobs = blobs
        self.rounds = Rounds(layout, databases, blobs.quarantine, self.keeping)

    def put(self, *numbers: int, size: int = 100) -> list[Digest]:
        """Publish blobs, each of which is then the one that was used last."""
        digests = []
        for number in numbers:
            digest, data = blob(number, size)
            path_of(self.root, digest).write_bytes(data)
            stamp = Stamp.of(path_of(self.root, digest).stat())
            self.keeping.stored(size)
            self.blobs.trusted(digest, stamp)
            digests.append(digest)
        return digests


@asynccontextmanager
async def house_at(root: Path, room: Room = ENDLESS, disk: Filesystem | None = None) -> AsyncIterator[House]:
    with layout_at(root, disk) as layout, ThreadPoolExecutor(2) as threads:
        databases = Databases(layout)
        blobs = Blobs(layout, databases.index, databases.write_index, threads)
        yield House(layout, databases, blobs, room)
        await databases.aclose()


@asynccontextmanager
async def blobs_at(root: Path, disk: Filesystem) -> AsyncIterator[tuple[Blobs, list[Digest]]]:
    """Blobs on their own, and what they report: a file lies there that nobody has verified."""
    heard: list[Digest] = []
    with layout_at(root, disk) as layout, ThreadPoolExecutor(2) as threads:
        databases = Databases(layout)
        path_of(root, DIGEST).write_bytes(DATA)
        before = descriptors(root)
        blobs = Blobs(layout, databases.index, databases.write_index, threads)
        blobs.on_corrupt = heard.append
        yield blobs, heard
        threads.shutdown()
        await databases.flush()
        assert descriptors(root) == before
        await databases.aclose()


async def content_of(blobs: Blobs) -> bytes | None:
    found = await blobs.open(DIGEST)
    if found is None:
        return None
    with found:
        assert (found.digest, found.size) == (DIGEST, len(DATA))
        return os.pread(found.descriptor, found.size + 1, 0)
