"""The contract of the store for whoever writes: S1 to S4 and S6 of the design. The crashes are swept in `faults`."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from errno import EIO
from pathlib import Path

import pytest

from mirror.errors import DigestMismatch, SizeMismatch, StoreFailed
from mirror.store.store import Store
from tests.support.caches import (
    blob,
    content,
    data_of_the_ingest,
    descriptors,
    path_of,
    published,
    store_at,
    under_way,
)
from tests.support.faulty_disk import Fault, FaultyDisk

DIGEST, DATA = blob(1, 5000)


@pytest.fixture(params=[True, False], ids=["safe", "fast"])
async def store(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    async with store_at(tmp_path, durable=request.param) as opened:
        yield opened
    assert descriptors(tmp_path) == []


# S1: nothing is visible before commit; after it, always the whole thing


async def test_s1_nothing_is_visible_before_commit(store: Store, tmp_path: Path) -> None:
    ingest = await store.begin(DIGEST)
    await store.run(ingest.append, DATA)  # all of it, but nobody has verified that
    assert await content(store, DIGEST) is None
    assert published(tmp_path) == []
    await store.commit(ingest)
    assert await content(store, DIGEST) == DATA


async def test_s1_the_whole_is_visible_after_commit(store: Store, tmp_path: Path) -> None:
    ingest = await store.begin(DIGEST)
    for start in range(0, len(DATA), 999):
        await store.run(ingest.append, DATA[start : start + 999])
    await store.commit(ingest)
    assert await content(store, DIGEST) == DATA == path_of(tmp_path, DIGEST).read_bytes()
    assert under_way(tmp_path) == []


async def test_s1_a_file_that_somebody_else_wrote_to_is_not_published(store: Store, tmp_path: Path) -> None:
    ingest = await store.begin(DIGEST)
    await store.run(ingest.append, DATA)
    with data_of_the_ingest(tmp_path).open("ab") as foreign:
        foreign.write(b"more than was hashed")
    with pytest.raises(StoreFailed):
        await store.commit(ingest)
    assert published(tmp_path) == under_way(tmp_path) == []


# S2: commit checks size, then digest, then: sync file, rename without replacing, sync directory


async def test_s2_the_size_is_checked_before_the_digest(store: Store, tmp_path: Path) -> None:
    ingest = await store.begin(DIGEST)
    await store.run(ingest.expect, len(DATA))
    await store.run(ingest.append, DATA[:-1])  # wrong in both
    with pytest.raises(SizeMismatch):
        await store.commit(ingest)
    assert published(tmp_path) == under_way(tmp_path) == []


async def test_s2_the_digest_is_checked(store: Store, tmp_path: Path) -> None:
    ingest = await store.begin(DIGEST)
    await store.run(ingest.append, DATA[:-1] + b"?")
    with pytest.raises(DigestMismatch):
        await store.commit(ingest)
    assert published(tmp_path) == under_way(tmp_path) == []


async def _calls_of_a_commit(root: Path, *, durable: bool) -> list[tuple[str, str]]:
    disk = FaultyDisk()
    async with store_at(root, durable=durable, filesystem=disk) as store:
        ingest = await store.begin(DIGEST)
        await store.run(ingest.append, DATA)
        disk.disarm()  # begins a new trace
        await store.commit(ingest)
        return list(disk.trace)


ORDER = [("sync", "data"), ("publish", "data"), ("sync", "sha256")]


async def test_s2_the_file_is_synced_then_named_then_its_directory_synced(tmp_path: Path) -> None:
    trace = await _calls_of_a_commit(tmp_path, durable=True)
    assert trace == [*ORDER, ("remove", "data"), ("remove_directory", f"sha256-{DIGEST.encoded}")]


async def test_s2_the_order_is_seen_to_be_missing_where_nothing_is_synced(tmp_path: Path) -> None:
    trace = await _calls_of_a_commit(tmp_path, durable=False)
    assert [call for call in trace if call in ORDER] == [("publish", "data")]


@pytest.mark.parametrize("number", [0, 2], ids=["file", "directory"])
async def test_s2_a_failed_sync_drops_the_ingest(tmp_path: Path, number: int) -> None:
    disk = FaultyDisk()
    async with store_at(tmp_path, filesystem=disk) as store:
        ingest = await store.begin(DIGEST)
        await store.run(ingest.append, DATA)
        disk.arm(number, Fault(EIO))
        with pytest.raises(StoreFailed):
            await store.commit(ingest)
        assert disk.fired
        assert disk.trace[number][0] == "sync"
        assert disk.calls.count("sync") == (1 if number == 0 else 2)  # none is tried again
        assert under_way(tmp_path) == []
        assert published(tmp_path) == []  # what is not noted would not be counted either
        disk.disarm()
        await store.put(DIGEST, DATA)
        assert await content(store, DIGEST) == DATA


# S3: committing what exists succeeds and keeps the first copy


async def test_s3_the_first_copy_stays(store: Store, tmp_path: Path) -> None:
    await store.put(DIGEST, DATA)
    first = path_of(tmp_path, DIGEST).stat()
    await store.put(DIGEST, DATA)
    ingest = await store.begin(DIGEST)
    await store.run(ingest.append, DATA)
    await store.commit(ingest)
    second = path_of(tmp_path, DIGEST).stat()
    assert (second.st_ino, second.st_mtime_ns) == (first.st_ino, first.st_mtime_ns)
    assert await content(store, DIGEST) == DATA
    assert under_way(tmp_path) == []


async def test_s3_two_at_once_leave_one_whole_copy(store: Store, tmp_path: Path) -> None:
    ingest = await store.begin(DIGEST)
    await store.run(ingest.append, DATA)
    os.link(data_of_the_ingest(tmp_path), path_of(tmp_path, DIGEST))  # as the commit of another would
    await store.commit(ingest)
    assert await content(store, DIGEST) == DATA
    assert under_way(tmp_path) == []


# S4: abort, twice or after commit, never raises and leaves no file


async def test_s4_abort_twice_leaves_nothing(store: Store, tmp_path: Path) -> None:
    ingest = await store.begin(DIGEST)
    await store.run(ingest.expect, len(DATA))
    await store.run(ingest.append, DATA[:10])
    assert under_way(tmp_path)
    ingest.abort()
    ingest.abort()
    await store.drop(ingest)
    assert under_way(tmp_path) == []


async def test_s4_abort_and_leave_after_commit_keep_the_blob(store: Store, tmp_path: Path) -> None:
    ingest = await store.begin(DIGEST)
    await store.run(ingest.append, DATA)
    await store.commit(ingest)
    ingest.abort()
    ingest.leave()
    await store.leave(ingest)
    assert await content(store, DIGEST) == DATA
    assert under_way(tmp_path) == []


async def test_s4_leave_twice_keeps_what_is_there_once(store: Store, tmp_path: Path) -> None:
    ingest = await store.begin(DIGEST)
    await store.run(ingest.append, DATA[:10])
    ingest.leave()
    ingest.leave()
    ingest.abort()  # it has been let go of: what another may have taken up is not removed
    assert len(under_way(tmp_path)) == 2


async def test_s4_leaving_nothing_leaves_nothing(store: Store, tmp_path: Path) -> None:
    await store.leave(await store.begin(DIGEST))
    assert under_way(tmp_path) == []


# S6: a crash leaves the whole blob, or an ingest that is resumed where it ends, or nothing


async def test_s6_an_ingest_is_resumed_where_it_ends(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        ingest = await store.begin(DIGEST)
        await store.run(ingest.expect, len(DATA))
        await store.run(ingest.append, DATA[:3000])
        await store.leave(ingest)
    async with store_at(tmp_path) as store:
        ingest = await store.begin(DIGEST)
        assert (ingest.offset, ingest.total) == (3000, len(DATA))
        await store.run(ingest.append, DATA[3000:])
        await store.commit(ingest)  # what was there has been hashed again, or this would fail
        assert await content(store, DIGEST) == DATA


async def test_s6_what_is_resumed_is_not_believed(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        ingest = await store.begin(DIGEST)
        await store.run(ingest.append, DATA[:3000])
        await store.leave(ingest)
        data_of_the_ingest(tmp_path).write_bytes(bytes(3000))  # as a power failure may leave it
        ingest = await store.begin(DIGEST)
        await store.run(ingest.append, DATA[3000:])
        with pytest.raises(DigestMismatch):
            await store.commit(ingest)
        assert published(tmp_path) == under_way(tmp_path) == []
