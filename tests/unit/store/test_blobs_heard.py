"""Stored blobs of several processes: what one hears of the others is believed, and what goes is told to them."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mirror.errors import StoreFailed
from mirror.oci.digest import Digest
from mirror.store.blobs import Blobs
from mirror.store.databases import Databases
from mirror.store.filesystem import Filesystem
from mirror.store.index import Index
from mirror.store.ingest import Stamp
from mirror.store.layout import Layout
from mirror.tasks import spawn
from tests.support.caches import blob, flip, layout_at, path_of
from tests.support.houses import DATA, DIGEST, content_of


def _set() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


class Counting(Filesystem):
    """Counts the reads, which are those of verifications, and lets a test come before and after a removal."""

    def __init__(self) -> None:
        self.reads = 0
        self.removal_fails = False
        self.begun, self.removed = threading.Event(), threading.Event()
        self.may_remove, self.may_go_on = _set(), _set()

    def remove(self, name: str, parent: int) -> bool:
        if self.removal_fails:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self.begun.set()
        assert self.may_remove.wait(10)
        was_there = super().remove(name, parent)
        self.removed.set()
        assert self.may_go_on.wait(10)
        return was_there

    def read(self, descriptor: int, size: int, offset: int) -> bytes:
        self.reads += 1
        return super().read(descriptor, size, offset)


@dataclass
class Member:
    """The blobs of one of several processes, and what is told of them: `known` by the index while it is told."""

    blobs: Blobs
    databases: Databases
    disk: Counting
    layout: Layout
    corrupt: list[Digest] = field(default_factory=list)
    gone: list[tuple[Digest, int, bool]] = field(default_factory=list)
    watched: list[str] = field(default_factory=list)

    def is_known(self, digest: Digest) -> bool:
        return self.databases.index.stamp(str(digest)) is not None

    def tell_gone(self, digest: Digest, size: int) -> None:
        self.gone.append((digest, size, self.is_known(digest)))

    def remove_elsewhere(self, digest: Digest) -> None:
        """Another process removes the file, and has the index forget it."""
        path_of(self.layout.root, digest).unlink()
        with contextlib.closing(Index(self.layout.index)) as index, index:
            index.forget_blob(str(digest))


@contextlib.asynccontextmanager
async def member_at(root: Path) -> AsyncIterator[Member]:
    disk = Counting()
    with layout_at(root, disk) as layout, ThreadPoolExecutor(2) as threads:
        if not path_of(root, DIGEST).exists():
            path_of(root, DIGEST).write_bytes(DATA)
        databases, disk.reads = Databases(layout), 0
        blobs = Blobs(layout, databases.index, databases.write_index, threads)
        member = Member(blobs, databases, disk, layout)
        blobs.on_corrupt = member.corrupt.append
        blobs.on_gone = member.tell_gone
        blobs.watch_gone(member.watched.append)
        yield member
        await databases.aclose()


async def test_what_another_has_published_is_served_without_being_read(tmp_path: Path) -> None:
    async with member_at(tmp_path) as here:
        here.blobs.heard_of(DIGEST, Stamp.of(path_of(tmp_path, DIGEST).stat()))
        assert await content_of(here.blobs) == DATA
        assert here.disk.reads == 0


async def test_what_another_has_removed_has_not_vanished(tmp_path: Path) -> None:
    async with member_at(tmp_path) as here:
        assert await content_of(here.blobs) == DATA
        await here.databases.flush()
        here.remove_elsewhere(DIGEST)
        assert await content_of(here.blobs) is None
        assert (here.corrupt, here.gone) == ([], [])


async def test_what_another_says_it_has_removed_is_known_no_more(tmp_path: Path) -> None:
    async with member_at(tmp_path) as here:
        assert await content_of(here.blobs) == DATA
        await here.databases.flush()
        here.remove_elsewhere(DIGEST)
        here.blobs.heard_gone(DIGEST)
        here.blobs.heard_gone(blob(2)[0])  # of which nothing was known
        assert not here.blobs.knows(DIGEST)
        assert here.watched == [str(DIGEST), str(blob(2)[0])]


async def test_a_file_that_vanishes_is_told_to_everybody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with member_at(tmp_path) as here:
        assert await content_of(here.blobs) == DATA
        await here.databases.flush()
        path_of(tmp_path, DIGEST).unlink()
        assert await content_of(here.blobs) is None
        assert await content_of(here.blobs) is None
        await here.databases.flush()
        assert here.corrupt == [DIGEST]
        assert here.gone == [(DIGEST, len(DATA), False)]
        assert here.watched == [str(DIGEST)]
    assert f"has vanished; it will be fetched again: {DIGEST}" in caplog.text


async def test_a_file_that_is_put_aside_is_told_to_everybody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with member_at(tmp_path) as here:
        here.blobs.trusted(DIGEST, Stamp.of(path_of(tmp_path, DIGEST).stat()))
        await here.databases.flush()
        flip(path_of(tmp_path, DIGEST))
        assert await content_of(here.blobs) is None
        await here.databases.flush()
        assert here.corrupt == [DIGEST]
        assert here.gone == [(DIGEST, len(DATA), False)]
        assert here.watched == [str(DIGEST)]
    assert f"is quarantined and will be fetched again: {DIGEST}" in caplog.text


async def test_a_file_that_is_removed_is_told_once_nobody_can_take_it_for_one_that_vanished(tmp_path: Path) -> None:
    async with member_at(tmp_path) as here:
        assert await content_of(here.blobs) == DATA
        await here.databases.flush()
        assert here.is_known(DIGEST)
        assert await here.blobs.delete(DIGEST)
        assert here.gone == [(DIGEST, len(DATA), False)]
        assert here.watched == [str(DIGEST)]
        assert here.corrupt == []


async def test_a_file_that_is_verified_just_before_it_is_removed_is_subtracted_once(tmp_path: Path) -> None:
    async with member_at(tmp_path) as here:
        assert await content_of(here.blobs) == DATA
        here.disk.may_remove.clear()
        removing = spawn(here.blobs.delete(DIGEST), "removing")
        assert await asyncio.to_thread(here.disk.begun.wait, 10)
        assert await content_of(here.blobs) == DATA
        here.disk.may_remove.set()
        assert await removing
        await here.databases.flush()
        assert here.gone == [(DIGEST, len(DATA), False), (DIGEST, 0, False)]


async def test_a_copy_that_comes_right_after_a_removal_stays_trusted(tmp_path: Path) -> None:
    async with member_at(tmp_path) as here:
        assert await content_of(here.blobs) == DATA
        reads = here.disk.reads
        here.disk.may_go_on.clear()
        removing = spawn(here.blobs.delete(DIGEST), "removing")
        assert await asyncio.to_thread(here.disk.removed.wait, 10)
        path_of(tmp_path, DIGEST).write_bytes(DATA)
        here.blobs.heard_of(DIGEST, Stamp.of(path_of(tmp_path, DIGEST).stat()))
        here.disk.may_go_on.set()
        assert await removing
        assert here.blobs.knows(DIGEST)
        assert await content_of(here.blobs) == DATA
        assert here.disk.reads == reads


async def test_what_is_in_doubt_and_cannot_be_removed_is_not_noted_as_verified(tmp_path: Path) -> None:
    async with member_at(tmp_path) as here:
        here.blobs.doubt(DIGEST)
        here.disk.removal_fails = True
        with pytest.raises(StoreFailed, match="cannot be removed: Input/output error"):
            await here.blobs.delete(DIGEST)
        await here.databases.flush()
        assert not here.is_known(DIGEST)


async def test_nothing_is_subtracted_for_a_file_of_which_nothing_was_known(tmp_path: Path) -> None:
    async with member_at(tmp_path) as here:
        assert await here.blobs.delete(DIGEST)
        assert here.gone == [(DIGEST, 0, False)]


async def test_after_something_was_not_heard_the_index_is_asked_again_but_for_what_is_in_doubt(tmp_path: Path) -> None:
    other, data = blob(2, 5000)
    async with member_at(tmp_path) as here:
        path_of(tmp_path, other).write_bytes(data)
        for digest in (DIGEST, other):
            here.blobs.trusted(digest, Stamp.of(path_of(tmp_path, digest).stat()))
        await here.databases.flush()
        here.remove_elsewhere(DIGEST)
        here.blobs.doubt(other)
        assert here.blobs.knows(DIGEST)
        here.blobs.heard_lost()
        assert not here.blobs.knows(DIGEST)
        assert not here.blobs.knows(other)


async def test_what_the_index_said_once_is_not_asked_of_it_again(tmp_path: Path) -> None:
    async with member_at(tmp_path) as here:
        assert await content_of(here.blobs) == DATA
        await here.databases.flush()
    async with member_at(tmp_path) as here:
        assert await content_of(here.blobs) == DATA
        here.databases.index.close()
        assert await content_of(here.blobs) == DATA
        assert here.disk.reads == 0
