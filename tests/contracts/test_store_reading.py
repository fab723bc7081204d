"""The contract of the store for whoever reads: S5 and S7 of the design."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from mirror.oci.digest import Digest
from mirror.store.store import Store
from tests.support.caches import (
    ENDLESS,
    blob,
    content,
    descriptors,
    flip,
    is_healed,
    path_of,
    room_of,
    store_at,
    without_rounds,
)

DIGEST, DATA = blob(1, 5000)
OTHER, OTHER_DATA = blob(2, 5000)


@pytest.fixture
def heard() -> list[Digest]:
    """What the store has reported as corrupt."""
    return []


@pytest.fixture
async def store(tmp_path: Path, heard: list[Digest]) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path, ENDLESS)
    opened.blobs.on_corrupt = heard.append
    yield opened
    await opened.aclose()
    assert descriptors(tmp_path) == []


# S5: an open blob stays readable through delete and eviction


async def test_s5_an_open_blob_stays_readable_through_delete(store: Store) -> None:
    await store.put(DIGEST, DATA)
    found = await store.blobs.open(DIGEST)
    assert found is not None
    with found:
        assert await store.blobs.delete(DIGEST)
        assert await store.blobs.open(DIGEST) is None
        assert os.pread(found.descriptor, found.size, 0) == DATA
    assert not await store.blobs.delete(DIGEST)


async def test_s5_an_open_blob_stays_readable_through_eviction(tmp_path: Path) -> None:
    async with store_at(tmp_path, room=room_of(100)) as store:
        await without_rounds(store)
        await store.put(DIGEST, DATA)
        found = await store.blobs.open(DIGEST)
        assert found is not None
        with found:
            assert await store.evict() == len(DATA)
            assert await store.blobs.open(DIGEST) is None
            assert os.pread(found.descriptor, found.size, 0) == DATA


@pytest.mark.parametrize("end", ["commit", "drop", "leave"])
async def test_s5_a_reader_of_a_growing_blob_outlives_its_end(store: Store, end: str) -> None:
    ingest = await store.begin(DIGEST)
    reader = ingest.duplicate()
    try:
        await store.run(ingest.append, DATA)
        await getattr(store, end)(ingest)
        assert os.pread(reader, len(DATA) + 1, 0) == DATA
        again = await store.begin(DIGEST)  # nor does the reader keep anybody from going on
        assert again.offset == (len(DATA) if end == "leave" else 0)
        await store.drop(again)
    finally:
        os.close(reader)


# S7: a missing, short, long or changed file is a miss: quarantined, fetched again, counted


def _grow(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")


def _replace(path: Path) -> None:
    path.unlink()
    path.write_bytes(b"x" * 5000)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "short": lambda path: os.truncate(path, 10),
    "empty": lambda path: os.truncate(path, 0),
    "long": _grow,
    "changed": flip,
    "replaced": _replace,
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_s7_a_damaged_file_is_a_miss(store: Store, tmp_path: Path, heard: list[Digest], damage: str) -> None:
    await store.put(DIGEST, DATA)
    assert await content(store, DIGEST) == DATA
    DAMAGES[damage](path_of(tmp_path, DIGEST))
    await is_healed(store, DIGEST, DATA)
    assert heard == [DIGEST]
    assert [path.name.rpartition("-")[0] for path in (tmp_path / "quarantine").iterdir()] == [
        f"sha256-{DIGEST.encoded}"
    ]


@pytest.mark.parametrize("damage", DAMAGES)
async def test_s7_damage_is_found_by_the_next_process(tmp_path: Path, damage: str) -> None:
    async with store_at(tmp_path) as store:
        await store.put(DIGEST, DATA)
    DAMAGES[damage](path_of(tmp_path, DIGEST))
    async with store_at(tmp_path) as store:
        await is_healed(store, DIGEST, DATA)


async def test_s7_a_vanished_file_is_a_miss_and_counted(store: Store, tmp_path: Path, heard: list[Digest]) -> None:
    await store.put(DIGEST, DATA)
    path_of(tmp_path, DIGEST).unlink()
    await is_healed(store, DIGEST, DATA)
    assert heard == [DIGEST]


async def test_s7_a_file_that_we_have_removed_has_not_vanished(store: Store, heard: list[Digest]) -> None:
    await store.put(DIGEST, DATA)
    await store.blobs.delete(DIGEST)
    assert await store.blobs.open(DIGEST) is None
    await store.flush()
    assert await store.blobs.open(DIGEST) is None
    assert heard == []


async def test_s7_two_files_that_were_swapped_are_misses(store: Store, tmp_path: Path, heard: list[Digest]) -> None:
    await store.put(DIGEST, DATA)
    await store.put(OTHER, OTHER_DATA)
    ours, theirs = path_of(tmp_path, DIGEST), path_of(tmp_path, OTHER)
    ours.rename(tmp_path / "aside")
    theirs.rename(ours)
    (tmp_path / "aside").rename(theirs)
    await is_healed(store, DIGEST, DATA)
    assert await content(store, OTHER) is None
    assert set(heard) == {DIGEST, OTHER}


async def test_s7_a_file_that_was_only_touched_is_served_again(
    store: Store, tmp_path: Path, heard: list[Digest]
) -> None:
    await store.put(DIGEST, DATA)
    os.utime(path_of(tmp_path, DIGEST))
    assert await content(store, DIGEST) == DATA
    assert heard == []


async def test_s7_a_damaged_file_is_found_although_it_is_committed_again(store: Store, tmp_path: Path) -> None:
    await store.put(DIGEST, DATA)
    flip(path_of(tmp_path, DIGEST))
    await store.put(DIGEST, DATA)  # the first copy stays (S3), but not the trust in it
    await is_healed(store, DIGEST, DATA)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
async def test_s7_either_algorithm_is_verified_by_its_own_hash(store: Store, tmp_path: Path, algorithm: str) -> None:
    digest = Digest.of(DATA, algorithm)
    await store.put(digest, DATA)
    assert await content(store, digest) == DATA
    flip(path_of(tmp_path, digest))
    assert await content(store, digest) is None


async def test_s7_the_empty_blob_is_a_blob(store: Store) -> None:
    digest = Digest.of(b"")
    assert await content(store, digest) is None
    await store.put(digest, b"")
    assert await content(store, digest) == b""
