"""Who is to fetch a blob has its ingest, and knows that nobody has stored it by then."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mirror.errors import StoreBusy
from mirror.pull.claiming import claimed
from mirror.store.ingest import Ingest
from mirror.store.open_blob import OpenBlob
from mirror.tasks import end, spawn
from tests.support.caches import blob, published, store_at, under_way
from tests.support.held_disk import HeldDisk
from tests.support.siblings import Family

DIGEST, DATA = blob(1, 5000)


async def test_what_nobody_has_stored_is_ones_own_to_store(tmp_path: Path) -> None:
    family = Family(2)
    async with (
        store_at(tmp_path, siblings=family.members[0]) as one,
        store_at(tmp_path, siblings=family.members[1]) as two,
    ):
        ingest = await claimed(one, DIGEST)
        assert isinstance(ingest, Ingest)
        with pytest.raises(StoreBusy):
            await claimed(two, DIGEST)
        await one.run(ingest.append, DATA)
        await one.commit(ingest)
    assert published(tmp_path) == [str(DIGEST)]


async def test_what_another_process_stores_before_one_has_the_ingest_is_given_instead(tmp_path: Path) -> None:
    family, disk = Family(2), HeldDisk()
    async with (
        store_at(tmp_path, siblings=family.members[0]) as one,
        store_at(tmp_path, filesystem=disk, siblings=family.members[1]) as two,
    ):
        disk.hold()
        claiming = spawn(claimed(two, DIGEST), "claiming")
        await asyncio.to_thread(disk.arrived.wait)
        await one.put(DIGEST, DATA)
        disk.go.set()
        found = await claiming
        assert isinstance(found, OpenBlob)
        with found:
            assert found.size == len(DATA)
        assert under_way(tmp_path) == []


async def test_who_no_longer_wants_it_leaves_it_to_others(tmp_path: Path) -> None:
    disk = HeldDisk()
    async with store_at(tmp_path, filesystem=disk) as store:
        disk.hold()
        claiming = spawn(claimed(store, DIGEST), "claiming")
        await asyncio.to_thread(disk.arrived.wait)
        ending = spawn(end(claiming), "ending")
        await asyncio.sleep(0)
        disk.go.set()
        await ending
        ingest = await claimed(store, DIGEST)
        assert isinstance(ingest, Ingest)
        await store.drop(ingest)
