"""Bad blobs go out of the way, good ones that cannot go stay in it: neither ever keeps a good copy out."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from mirror.errors import StoreFailed
from tests.support.caches import blob, flip, path_of, published, store_at
from tests.support.faulty_disk import Fault, FaultyDisk
from tests.support.houses import DATA, DIGEST, blobs_at, content_of


async def test_a_bad_file_that_cannot_be_kept_is_removed(tmp_path: Path) -> None:
    disk = FaultyDisk()
    async with blobs_at(tmp_path, disk) as (blobs, heard):
        flip(path_of(tmp_path, DIGEST))
        disk.arm(0, Fault(errno.ENOSPC))
        assert await content_of(blobs) is None
        assert disk.calls == ["move", "remove"]
        assert (published(tmp_path), heard) == ([], [DIGEST])


async def test_a_bad_file_that_cannot_be_moved_at_all_is_an_error_and_never_served(tmp_path: Path) -> None:
    disk = FaultyDisk()
    async with blobs_at(tmp_path, disk) as (blobs, heard):
        flip(path_of(tmp_path, DIGEST))
        disk.arm(0, Fault(errno.EROFS, lasting=True))
        for _ in range(2):
            with pytest.raises(StoreFailed, match="Read-only"):
                await content_of(blobs)
        assert heard == []
        disk.disarm()
        assert await content_of(blobs) is None
        assert heard == [DIGEST]


async def test_a_blob_that_cannot_be_removed_is_served_on(tmp_path: Path) -> None:
    disk = FaultyDisk()
    async with blobs_at(tmp_path, disk) as (blobs, _):
        assert await content_of(blobs) == DATA
        disk.arm(0, Fault(errno.EIO))
        with pytest.raises(StoreFailed):
            await blobs.delete(DIGEST)
        assert await content_of(blobs) == DATA
        assert await blobs.delete(DIGEST)
        assert await content_of(blobs) is None


async def test_a_blob_that_nobody_has_verified_and_that_cannot_be_removed_is_not_trusted_for_it(tmp_path: Path) -> None:
    disk = FaultyDisk()
    async with blobs_at(tmp_path, disk) as (blobs, _):
        flip(path_of(tmp_path, DIGEST))
        disk.arm(0, Fault(errno.EIO))
        with pytest.raises(StoreFailed):
            await blobs.delete(DIGEST)
        assert await content_of(blobs) is None


async def test_who_has_copies_hears_of_each_file_that_goes(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        gone: list[str] = []
        store.blobs.watch_gone(gone.append)
        digest, data = blob(1)
        await store.put(digest, data)
        await store.blobs.delete(digest)
        store.blobs.heard_gone(blob(2)[0])
        assert gone == [str(digest), str(blob(2)[0])]
