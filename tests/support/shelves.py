"""A shelf of manifests with what it stands on: a store whose disk may fail, and an upstream that nobody asks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from mirror.oci.digest import Digest
from mirror.oci.media_types import OCI_MANIFEST
from mirror.pull.memory import Memory
from mirror.pull.shelf import Shelf
from mirror.pull.upstreams import Target
from mirror.upstream.answers import ManifestBody
from tests.support.faulty_disk import FaultyDisk
from tests.support.pulling import Pulling, Setup, pulling

LARGEST = 300_000  # bytes of a manifest
_NOBODY = "http://127.0.0.1:1"


@dataclass(frozen=True, slots=True)
class Room:
    """A shelf, with what it stands on."""

    shelf: Shelf
    pull: Pulling
    disk: FaultyDisk
    root: Path

    @property
    def target(self) -> Target:
        return self.pull.target()

    def anew(self) -> Shelf:
        """The same shelf with nothing in memory."""
        return Shelf(self.pull.store, Memory(1024**2), LARGEST)


@asynccontextmanager
async def shelved(root: Path) -> AsyncIterator[Room]:
    disk = FaultyDisk()
    async with pulling(root, Setup(filesystem=disk), one=_NOBODY) as pull:
        yield Room(Shelf(pull.store, Memory(1024**2), LARGEST), pull, disk, root)


def sent(data: bytes, content_type: str | None = OCI_MANIFEST, digest: Digest | None = None) -> ManifestBody:
    """What an upstream has sent, and what it said of that."""
    return ManifestBody(data, content_type, digest)
