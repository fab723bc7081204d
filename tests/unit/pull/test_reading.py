"""Reading what is stored: what the disk does not give is as good as absent, and is looked at more closely."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from mirror.pull.memory import SMALL
from mirror.pull.reading import opened, read_whole
from mirror.store.filesystem import Filesystem
from tests.support.caches import blob, content, path_of, store_at


class UnreadableDisk(Filesystem):
    """A disk on which no file can be opened, once it is broken."""

    broken = False

    def open_to_read(self, name: str, parent: int) -> tuple[int, os.stat_result]:
        if self.broken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().open_to_read(name, parent)


@pytest.mark.parametrize("size", [0, 1, SMALL, SMALL + 1, 1024**2])
async def test_all_of_a_blob_is_read_and_the_file_closed(tmp_path: Path, size: int) -> None:
    async with store_at(tmp_path) as store:
        digest, data = blob(1, size)
        await store.put(digest, data)
        found = await opened(store, digest)
        assert found is not None
        assert await read_whole(store, found) == data
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(found.descriptor)


async def test_a_blob_that_is_not_there_is_none(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        assert await opened(store, blob(1)[0]) is None


async def test_a_disk_that_cannot_be_read_is_as_good_as_an_empty_one(tmp_path: Path) -> None:
    disk = UnreadableDisk()
    async with store_at(tmp_path, filesystem=disk) as store:
        digest, data = blob(1)
        await store.put(digest, data)
        disk.broken = True
        assert await opened(store, digest) is None
        disk.broken = False
        assert await opened(store, digest) is not None


@pytest.mark.parametrize("size", [100, SMALL + 1])
async def test_a_blob_that_is_cut_while_it_is_open_is_not_believed_again(tmp_path: Path, size: int) -> None:
    async with store_at(tmp_path) as store:
        digest, data = blob(1, size)
        await store.put(digest, data)
        found = await opened(store, digest)
        assert found is not None
        os.truncate(path_of(tmp_path, digest), size - 1)
        assert await read_whole(store, found) is None
        assert await content(store, digest) is None


async def test_a_file_that_cannot_be_read_is_verified_before_it_is_served_again(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        digest, data = blob(1)
        await store.put(digest, data)
        found = await opened(store, digest)
        assert found is not None
        unreadable = os.open(tmp_path, os.O_RDONLY)  # a directory: reading it fails as a broken disk does
        os.dup2(unreadable, found.descriptor)
        os.close(unreadable)
        assert await read_whole(store, found) is None
        status = path_of(tmp_path, digest).stat()
        path_of(tmp_path, digest).write_bytes(b"x" * len(data))
        os.utime(path_of(tmp_path, digest), ns=(status.st_atime_ns, status.st_mtime_ns))
        assert await content(store, digest) is None  # the same size and time: only a verification tells
