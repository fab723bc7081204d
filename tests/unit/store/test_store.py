"""The store as a whole: opened, closed, left in a hurry, and opened again."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from pathlib import Path

import pytest

from mirror.errors import DigestMismatch, StoreBusy, StoreFailed
from mirror.oci.digest import Digest
from mirror.store.catalog import Key, TagRecord
from mirror.store.index import Member
from mirror.store.store import Store
from tests.support.caches import (
    ENDLESS,
    blob,
    content,
    descriptors,
    path_of,
    published,
    room_of,
    store_at,
    under_way,
    without_rounds,
)
from tests.support.faulty_disk import Fault, FaultyDisk

DIGEST, DATA = blob(1, 5000)
TAG = Key("tag", "u", "r", "latest")


# opening and closing


async def test_everything_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        await store.put(DIGEST, DATA)
        store.facts.prove(Member("u", "r", str(DIGEST), "type"))
        store.facts.put_tag(TAG, TagRecord(str(DIGEST), 100.0), 60.0)
    assert descriptors(tmp_path) == []
    async with store_at(tmp_path) as store:
        assert store.size == len(DATA)
        assert await content(store, DIGEST) == DATA
        assert store.facts.member("u", "r", str(DIGEST)) == Member("u", "r", str(DIGEST), "type")
        assert store.facts.tag(TAG) == TagRecord(str(DIGEST), 100.0)
        assert store.facts_lost == store.evicted == 0
        assert store.limit == os.statvfs(tmp_path).f_blocks * os.statvfs(tmp_path).f_frsize


async def test_closing_twice_is_harmless(tmp_path: Path) -> None:
    store = await Store.open(tmp_path, ENDLESS)
    await store.aclose()
    await store.aclose()
    assert not (tmp_path / "running").exists()


async def test_a_directory_in_use_is_refused_and_its_user_not_disturbed(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        before = descriptors(tmp_path)
        with pytest.raises(StoreBusy, match="in use by another mirror"):
            await Store.open(tmp_path, ENDLESS)
        assert descriptors(tmp_path) == before
        await store.put(DIGEST, DATA)
        assert await content(store, DIGEST) == DATA


async def test_a_database_that_cannot_be_had_leaves_nothing_open(tmp_path: Path) -> None:
    async with store_at(tmp_path):
        pass
    (tmp_path / "index" / "index.db").unlink()
    (tmp_path / "index" / "index.db").mkdir()
    (tmp_path / "index.broken").symlink_to(tmp_path)  # so that it cannot be set aside
    with pytest.raises(StoreFailed, match="index"):
        await Store.open(tmp_path, ENDLESS)
    assert descriptors(tmp_path) == []


async def test_a_disk_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    async with store_at(tmp_path):
        pass
    disk = FaultyDisk()
    disk.arm(0, Fault(errno.EROFS, lasting=True))
    with pytest.raises(StoreFailed, match="cannot be used: Read-only file system"):
        await Store.open(tmp_path, ENDLESS, filesystem=disk)
    assert descriptors(tmp_path) == []


# durability


def _rot(path: Path) -> None:
    """Other bytes under the same size, time and inode: nothing but the hash can tell."""
    status = path.stat()
    with path.open("r+b") as file:
        file.write(b"\0" * 100)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("torn", [None, b"", b"fa"], ids=["whole note", "empty note", "torn note"])
async def test_after_an_untidy_fast_run_each_blob_is_verified(tmp_path: Path, torn: bytes | None) -> None:
    async with store_at(tmp_path, durable=False) as store:
        await store.put(DIGEST, DATA)
        note = (tmp_path / "running").read_bytes()
    (tmp_path / "running").write_bytes(note if torn is None else torn)  # as if it had not ended tidily
    _rot(path_of(tmp_path, DIGEST))
    async with store_at(tmp_path) as store:
        assert await content(store, DIGEST) is None


async def test_after_a_tidy_fast_run_and_an_untidy_safe_one_stamps_are_trusted(tmp_path: Path) -> None:
    disk = FaultyDisk()
    async with store_at(tmp_path, durable=False, filesystem=disk) as store:
        await store.put(DIGEST, DATA)
        note = (tmp_path / "running").read_bytes()
        assert "sync_all" not in disk.calls
    assert note == b"fast\n"
    assert disk.calls[-2:] == ["sync_all", "remove"]  # what no commit has synced, before the run counts as tidy
    (tmp_path / "running").write_bytes(b"safe\n")
    _rot(path_of(tmp_path, DIGEST))
    async with store_at(tmp_path) as store:
        assert await content(store, DIGEST) != DATA  # the price of a promise that was kept: nothing is read again


async def test_distrust_is_on_disk_before_the_note_that_calls_for_it_goes(tmp_path: Path) -> None:
    root, copy = tmp_path / "root", tmp_path / "copy"
    async with store_at(root, durable=False) as store:
        await store.put(DIGEST, DATA)
    (root / "running").write_bytes(b"fast\n")
    shutil.copytree(root, copy)
    trial, disk = FaultyDisk(), FaultyDisk()
    async with store_at(copy, filesystem=trial):
        note = trial.trace.index(("open_to_write", "running"))
    disk.arm(note, Fault(errno.EIO))
    with pytest.raises(StoreFailed):
        await Store.open(root, ENDLESS, filesystem=disk)
    assert disk.trace[note:] == [("open_to_write", "running")]
    (root / "running").write_bytes(b"safe\n")
    _rot(path_of(root, DIGEST))
    async with store_at(root) as store:
        assert await content(store, DIGEST) is None


async def test_a_failed_sync_at_the_end_is_an_untidy_end(tmp_path: Path) -> None:
    disk = FaultyDisk()
    store = await Store.open(tmp_path, ENDLESS, durable=False, filesystem=disk)
    disk.arm(0, Fault(errno.EIO, lasting=True))
    await store.aclose()
    assert disk.calls == ["sync_all"]
    assert (tmp_path / "running").exists()
    assert descriptors(tmp_path) == []


# small blobs


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
async def test_what_is_put_can_be_opened_and_is_counted(tmp_path: Path, algorithm: str) -> None:
    async with store_at(tmp_path) as store:
        await without_rounds(store)
        digest = Digest.of(DATA, algorithm)
        await store.put(digest, DATA)
        await store.put(digest, DATA)
        assert await content(store, digest) == DATA
        assert store.size == len(DATA)


async def test_the_wrong_bytes_are_not_put(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        with pytest.raises(DigestMismatch):
            await store.put(DIGEST, b"others")
        assert published(tmp_path) == under_way(tmp_path) == []
        assert store.size == 0


async def test_many_puts_of_one_digest_at_once_leave_one_whole_blob(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        for _ in range(20):
            ends = await asyncio.gather(*(store.put(DIGEST, DATA) for _ in range(8)), return_exceptions=True)
            assert {type(end) for end in ends} <= {type(None), StoreBusy}
            assert path_of(tmp_path, DIGEST).read_bytes() == DATA
            assert await content(store, DIGEST) == DATA
            await store.blobs.delete(DIGEST)
        assert under_way(tmp_path) == []


async def test_a_put_takes_the_place_of_what_an_interrupted_fetch_left(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        ingest = await store.begin(DIGEST)
        await store.run(ingest.append, b"wrong from the start")
        await store.leave(ingest)
        await store.put(DIGEST, DATA)
        assert await content(store, DIGEST) == DATA
        assert under_way(tmp_path) == []


async def test_what_is_begun_is_busy_until_it_is_over(tmp_path: Path) -> None:
    async with store_at(tmp_path, room=room_of(1)) as store:
        await without_rounds(store)
        for end_of, parts in ((store.commit, 0), (store.leave, len(DATA)), (store.drop, 0)):
            await store.put(DIGEST, DATA)
            ingest = await store.begin(DIGEST)
            await store.run(ingest.append, DATA)
            assert await store.evict() == 0
            await end_of(ingest)
            assert await store.evict() == len(DATA) + parts
        assert under_way(tmp_path) == []
