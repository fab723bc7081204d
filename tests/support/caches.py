"""Cache directories for the tests of the store: opened, looked into from outside, checked for what must not be."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from mirror.oci.digest import Digest
from mirror.siblings import Alone, Siblings
from mirror.store.eviction import Room
from mirror.store.filesystem import Filesystem
from mirror.store.layout import Layout
from mirror.store.store import Store
from mirror.tasks import end

_ALONE = Alone()
ENDLESS = Room(max_size=lambda total: total, min_free=lambda _: 0)


def room_of(size: int) -> Room:
    """A cache that may hold so many bytes, whatever the file system has."""
    return Room(max_size=lambda _: size, min_free=lambda _: 0)


def blob(number: int, size: int = 100) -> tuple[Digest, bytes]:
    """Content of its own for each number, and its digest."""
    data = (f"{number}:".encode() * size)[:size]
    return Digest.of(data), data


@contextlib.contextmanager
def layout_at(root: Path, filesystem: Filesystem | None = None) -> Iterator[Layout]:
    layout = Layout(root, filesystem or Filesystem())
    try:
        yield layout
    finally:
        layout.close()


@contextlib.asynccontextmanager
async def store_at(
    root: Path,
    *,
    room: Room = ENDLESS,
    durable: bool = True,
    filesystem: Filesystem | None = None,
    siblings: Siblings = _ALONE,
) -> AsyncIterator[Store]:
    store = await Store.open(root, room, durable=durable, filesystem=filesystem, siblings=siblings)
    try:
        yield store
    finally:
        await store.aclose()


async def without_rounds(store: Store) -> None:
    """End the store's housekeeping: from now on nothing is evicted or cleared away but by the test."""
    await end(*store._keeping)


async def content(store: Store, digest: Digest) -> bytes | None:
    """What the store gives for a digest, read as a server would read it."""
    found = await store.blobs.open(digest)
    if found is None:
        return None
    with found:
        return os.pread(found.descriptor, found.size + 1, 0)


async def is_healed(store: Store, digest: Digest, data: bytes) -> None:
    """The digest is a miss, and once it has been fetched again it is not (S7)."""
    assert await content(store, digest) is None
    await store.put(digest, data)
    assert await content(store, digest) == data


def flip(path: Path) -> None:
    """Change one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def path_of(root: Path, digest: Digest) -> Path:
    return root / "blobs" / digest.algorithm / digest.encoded


def published(root: Path) -> list[str]:
    """Every name below `blobs/`."""
    return sorted(f"{path.parent.name}:{path.name}" for path in root.glob("blobs/*/*"))


def false_blobs(root: Path) -> list[str]:
    """The files below `blobs/` that are not what their names say."""
    paths = [root / "blobs" / Path(*name.split(":")) for name in published(root)]
    return [path.name for path in paths if not Digest(path.parent.name, path.name).verifies(path.read_bytes())]


def under_way(root: Path) -> list[str]:
    """Everything below `ingest/`."""
    return sorted(str(path.relative_to(root / "ingest")) for path in root.glob("ingest/**/*"))


def bytes_under_way(root: Path) -> int:
    """How many bytes are there of blobs that are under way."""
    return sum(path.stat().st_size for path in root.glob("ingest/*/data"))


def data_of_the_ingest(root: Path) -> Path:
    """The bytes that are there of the one blob that is under way."""
    (found,) = root.glob("ingest/*/data")
    return found


@contextlib.contextmanager
def opened(path: Path, flags: int = os.O_RDONLY) -> Iterator[int]:
    """A descriptor of what is at this path, for as long as it is needed."""
    descriptor = os.open(path, flags)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def descriptors(root: Path) -> list[str]:
    """What this process has open below the directory."""
    found = []
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found.append(os.readlink(f"/proc/self/fd/{number}"))
    return sorted(target for target in found if target.startswith(f"{root}"))


@contextlib.contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file grows beyond this size: what a full disk does to a database, as far as the database can tell."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
