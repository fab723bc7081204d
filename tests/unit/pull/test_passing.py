"""What the disk does not take: handed on to who reads, bounded by the slowest. The rules of F12 are in contracts."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mirror.errors import DigestMismatch, SizeMismatch, StoreFailed
from mirror.oci.digest import Digest
from mirror.pull.growth import Growth
from mirror.pull.passing import Passing
from mirror.store.spool import Spool
from mirror.tasks import end, spawn
from tests.support.caches import store_at

DATA = b"some bytes"
DIGEST = Digest.of(DATA)
MIB = 1024 * 1024


@asynccontextmanager
async def passing(root: Path) -> AsyncIterator[tuple[Passing, Growth]]:
    async with store_at(root) as store:
        growth = Growth()
        held = Passing(Spool(DIGEST, DIGEST.hasher(), 0, None), store, growth)
        growth.begin(None, 0)
        try:
            yield held, growth
        finally:
            held.close()
            growth.end()


async def test_readers_are_given_what_comes(tmp_path: Path) -> None:
    async with passing(tmp_path) as (held, growth):
        place = growth.hold()
        await held.put(DATA[:4])
        await held.put(DATA[4:])
        held.expect(len(DATA))
        held.verify()
        assert (held.offset, held.total) == (len(DATA), len(DATA))
        growth.complete(held.offset)
        assert os.pread(growth.descriptor_at(0), 100, 0) == DATA
        growth.release(place)


async def test_what_is_not_the_blob_is_told(tmp_path: Path) -> None:
    async with passing(tmp_path) as (held, growth):
        place = growth.hold()
        await held.put(b"others")
        with pytest.raises(DigestMismatch):
            held.verify()
        with pytest.raises(SizeMismatch):
            held.expect(2)
        growth.release(place)


async def test_nobody_is_given_anything_when_nobody_reads(tmp_path: Path) -> None:
    async with passing(tmp_path) as (held, _):
        with pytest.raises(StoreFailed):
            await held.put(DATA)


async def test_the_slowest_reader_is_waited_for(tmp_path: Path) -> None:
    async with passing(tmp_path) as (held, growth):
        place = growth.hold()
        for _ in range(4):
            await held.put(bytes(MIB))
        putting = spawn(held.put(b"x"), "put")
        done, _ = await asyncio.wait({putting}, timeout=0.05)
        assert done == set()
        growth.move(place, MIB)
        await putting
        await end(putting)
        growth.release(place)
