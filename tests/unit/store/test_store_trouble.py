"""What costs the store its facts costs it no content, and what is our own fault is not kept quiet."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mirror.store.catalog import Key, TagRecord
from mirror.store.eviction import Room
from mirror.store.index import Member
from mirror.store.store import Store
from tests.support.caches import ENDLESS, blob, content, full_disk, store_at

DIGEST, DATA = blob(1, 5000)
TAG = Key("tag", "u", "r", "latest")


async def test_without_its_databases_it_still_has_every_blob(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        await store.put(DIGEST, DATA)
    shutil.rmtree(tmp_path / "catalog")
    (tmp_path / "index" / "index.db").write_bytes(b"garbage" * 1000)
    async with store_at(tmp_path) as store:
        assert store.facts.member("u", "r", str(DIGEST)) is None
        assert await content(store, DIGEST) == DATA
        await store.flush()
        assert await store.evict() == 0
    async with store_at(tmp_path) as store:
        assert store.size == len(DATA)


@pytest.mark.parametrize("spoil", [lambda path: os.truncate(path, 0), lambda path: path.write_bytes(b"x" * 8192)])
async def test_databases_that_are_spoilt_while_they_are_used_cost_facts_and_no_content(
    tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    async with store_at(tmp_path) as store:
        await store.put(DIGEST, DATA)
        for number in range(200):
            store.facts.put_tag(Key("tag", "u", "r", f"{number}"), TagRecord(str(DIGEST), 1.0), 60.0)
        await store.flush()
        spoil(tmp_path / "index" / "index.db")
        spoil(tmp_path / "catalog" / "cache.db")
        for number in range(5):
            digest, data = blob(-number)
            assert store.facts.member("u", "r", str(digest)) is None
            await store.put(digest, data)
            assert await content(store, digest) == data
            store.facts.put_tag(TAG, TagRecord(str(digest), 1.0), 60.0)
            assert store.facts.tag(TAG) == TagRecord(str(digest), 1.0)
            await store.flush()
        assert await content(store, DIGEST) == DATA
        await store.evict()
    async with store_at(tmp_path) as store:
        assert await content(store, DIGEST) == DATA


async def test_a_disk_too_full_to_make_the_index_again_does_not_keep_the_store_closed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with store_at(tmp_path) as store:
        await store.put(DIGEST, DATA)
        for number in range(3000):
            store.facts.prove(Member("u", "r", f"{number:0100}"))
    shutil.rmtree(tmp_path / "index")
    with full_disk(200_000):
        store = await Store.open(tmp_path, ENDLESS)
        assert "could not be brought together" in caplog.text
        assert await content(store, DIGEST) == DATA
        assert store.facts.member("u", "r", f"{0:0100}") is not None  # the catalog has it
    store.facts.put_tag(TAG, TagRecord(str(DIGEST), 1.0), 60.0)  # what is noted meanwhile is not all there is
    await store.aclose()
    async with store_at(tmp_path):
        assert "the index was made again from the other database: 3000 members, 1 tags" in caplog.text


async def test_housekeeping_that_ends_by_a_fault_of_ours_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told = asyncio.Event()
    store = await Store.open(tmp_path, Room(max_size=lambda total: total // 0, min_free=lambda _: 0))
    store._keeping[0].add_done_callback(lambda _: told.set())
    async with asyncio.timeout(10):
        await told.wait()
    assert "housekeeping has ended" in caplog.text
    await store.put(DIGEST, DATA)
    await store.aclose()
