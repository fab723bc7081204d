"""What is here of a blob beyond its contiguous part: taken up, added to, appended in its turn, given up."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from mirror.errors import StoreFailed
from mirror.oci.digest import Digest
from mirror.pull.ahead import Ahead
from mirror.pull.growth import Growth
from mirror.pull.sink import Sink
from mirror.pull.stretches import Extent
from mirror.tasks import spawn
from tests.support.caches import descriptors, store_at, under_way

DATA = Random(9).randbytes(1000)
DIGEST = Digest.of(DATA)
EXTENT = Extent(length=100, window=400)


@asynccontextmanager
async def ahead_of(root: Path, here: int = 300) -> AsyncIterator[tuple[Ahead, Sink]]:
    """A blob that is here up to so many bytes, and what comes ahead of it. Left to be gone on with."""
    async with store_at(root) as store:
        growth = Growth()
        sink = Sink(DIGEST, store, growth)
        assert await sink.open() is None
        if sink.offset < here:
            await sink.expect(len(DATA))
            await sink.append(DATA[sink.offset : here])
        ahead = Ahead(sink, store, EXTENT)
        try:
            yield ahead, sink
        finally:
            ahead.close()
            await sink.leave()
            growth.end()
    assert descriptors(root) == []


def lying_ahead(root: Path) -> list[Path]:
    return list(root.glob("ingest/*/ahead-*"))


async def bring(ahead: Ahead, count: int | None = None) -> int:
    """So many bytes of the next stretch, or all of it; where it begins."""
    stretch = ahead.next()
    if stretch is None:
        raise AssertionError("there is no stretch to be brought")
    start = stretch.end
    await ahead.store(stretch, DATA[start : stretch.stop if count is None else start + count])
    ahead.leave(stretch)
    return start


async def test_stretches_begin_so_far_behind_the_end(tmp_path: Path) -> None:
    async with ahead_of(tmp_path) as (ahead, _):
        assert ahead.next() is None
        ahead.begin(50)
        assert [await bring(ahead) for _ in range(4)] == [350, 450, 550, 650]
        assert ahead.next() is None
        assert (ahead.edge, ahead.missing) == (350, 300)


async def test_what_lies_where_the_blob_ends_can_be_had(tmp_path: Path) -> None:
    async with ahead_of(tmp_path) as (ahead, sink):
        ahead.begin(50)
        await bring(ahead)
        assert await ahead.piece() == b""
        await sink.append(DATA[300:370])
        assert await ahead.piece() == DATA[370:450]
        await sink.append(DATA[370:450])
        await ahead.tidy()
        assert (ahead.current, ahead.edge) == (None, None)
        assert lying_ahead(tmp_path) == []


async def test_what_was_left_is_found_by_the_next_try(tmp_path: Path) -> None:
    async with ahead_of(tmp_path) as (ahead, _):
        ahead.begin(50)
        await bring(ahead)
        await bring(ahead, 30)
    async with ahead_of(tmp_path) as (ahead, sink):
        await ahead.take_up()
        assert (sink.offset, ahead.edge, ahead.missing) == (300, 350, 700 - 130)
        ahead.begin(0)
        assert [await bring(ahead) for _ in range(3)] == [300, 480, 580]


async def test_one_that_is_left_in_the_middle_is_the_next_one(tmp_path: Path) -> None:
    async with ahead_of(tmp_path) as (ahead, _):
        ahead.begin(0)
        assert [await bring(ahead, 30), await bring(ahead), await bring(ahead)] == [300, 330, 400]


async def test_everything_can_be_forgotten(tmp_path: Path) -> None:
    async with ahead_of(tmp_path) as (ahead, _):
        ahead.begin(50)
        await bring(ahead)
        await ahead.forget()
        assert (ahead.edge, ahead.missing, ahead.next()) == (None, 700, None)
        assert lying_ahead(tmp_path) == []


async def test_what_was_spoilt_on_the_disk_is_told(tmp_path: Path) -> None:
    async with ahead_of(tmp_path) as (ahead, _):
        ahead.begin(0)
        await bring(ahead)
        (file,) = lying_ahead(tmp_path)
        os.truncate(file, 0)
        with pytest.raises(StoreFailed):
            await ahead.piece()


async def test_where_nothing_is_kept_there_is_no_place(tmp_path: Path) -> None:
    async with ahead_of(tmp_path) as (ahead, sink):
        await sink.drop()
        assert under_way(tmp_path) == []
        ahead.begin(0)
        with pytest.raises(StoreFailed):
            await bring(ahead)


async def test_who_waits_hears_of_everything(tmp_path: Path) -> None:
    async with ahead_of(tmp_path) as (ahead, _):
        waiting = spawn(ahead.news(), "waiting")
        ahead.begin(0)
        await bring(ahead)
        await waiting
