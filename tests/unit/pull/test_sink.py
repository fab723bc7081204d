"""Where a fetch puts what it brings: how it is begun and ended. That the disk fails is a contract (F12)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mirror.errors import DigestMismatch, MirrorError, SizeMismatch, StoreBusy
from mirror.oci.digest import Digest
from mirror.pull.growth import Growth
from mirror.pull.sink import Sink
from mirror.store.store import Store
from tests.support.caches import content, store_at, under_way

DATA = b"a blob of some bytes"
DIGEST = Digest.of(DATA)


@asynccontextmanager
async def sinks(root: Path) -> AsyncIterator[tuple[Store, Sink, Growth]]:
    growth = Growth()
    async with store_at(root) as store:
        yield store, Sink(DIGEST, store, growth), growth
        growth.end()


async def test_what_is_filled_is_kept(tmp_path: Path) -> None:
    async with sinks(tmp_path) as (store, sink, growth):
        assert await sink.open() is None
        await sink.expect(len(DATA))
        await sink.append(DATA[:5])
        assert (sink.offset, sink.total) == (5, len(DATA))
        await sink.append(DATA[5:])
        await sink.verify()
        assert growth.descriptor >= 0
        await sink.keep()
        assert await content(store, DIGEST) == DATA
        assert not sink.overflowed


async def test_what_is_stored_already_is_given_instead(tmp_path: Path) -> None:
    async with sinks(tmp_path) as (store, sink, _):
        await store.put(DIGEST, DATA)
        stored = await sink.open()
        assert stored is not None
        assert stored.size == len(DATA)
        stored.close()


async def test_what_is_left_is_gone_on_with_and_what_is_dropped_is_not(tmp_path: Path) -> None:
    async with sinks(tmp_path) as (store, sink, growth):
        await sink.open()
        await sink.append(DATA[:7])
        await sink.leave()
        second = Sink(DIGEST, store, Growth())
        await second.open()
        assert second.offset == 7
        await second.restart()
        assert second.offset == 0
        await second.append(DATA[:3])
        await second.drop()
        assert under_way(tmp_path) == []
        assert growth.descriptor >= 0


async def test_what_is_wrong_is_told(tmp_path: Path) -> None:
    async with sinks(tmp_path) as (_, sink, _):
        await sink.open()
        await sink.expect(3)
        await sink.append(b"xy")
        with pytest.raises(SizeMismatch):
            await sink.verify()
        await sink.append(b"z")
        with pytest.raises(DigestMismatch):
            await sink.verify()
        await sink.drop()


async def test_an_ingest_that_somebody_keeps_is_busy_in_the_end(tmp_path: Path) -> None:
    async with sinks(tmp_path) as (store, sink, _):
        ingest = await store.begin(DIGEST)
        with pytest.raises(StoreBusy):
            await sink.open()
        await store.drop(ingest)
        assert await sink.open() is None
        await sink.drop()


async def test_a_sink_that_is_not_open_takes_nothing(tmp_path: Path) -> None:
    async with sinks(tmp_path) as (_, sink, _):
        assert (sink.offset, sink.total) == (0, None)
        for call in (sink.append(b"x"), sink.expect(1), sink.restart(), sink.keep()):
            with pytest.raises(MirrorError):
                await call
        await sink.leave()
        await sink.drop()
