"""The contract of the store for several processes that share a cache directory, as several stores on one loop."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mirror.errors import StoreBusy
from mirror.store.store import Store
from tests.support.caches import (
    ENDLESS,
    blob,
    content,
    false_blobs,
    published,
    room_of,
    store_at,
    under_way,
    without_rounds,
)
from tests.support.siblings import Family, stores

DIGEST, DATA = blob(1, 5000)


async def test_s1_nothing_is_visible_to_anybody_before_commit(tmp_path: Path) -> None:
    async with stores(tmp_path, 2) as (_, (one, two)):
        ingest = await one.begin(DIGEST)
        await one.run(ingest.append, DATA)
        assert await content(two, DIGEST) is None
        await one.commit(ingest)
        assert await content(two, DIGEST) == DATA
        assert under_way(tmp_path) == []


async def test_one_ingest_is_one_processs_at_a_time(tmp_path: Path) -> None:
    async with stores(tmp_path, 2) as (_, (one, two)):
        ingest = await one.begin(DIGEST)
        await one.run(ingest.append, DATA[:2000])
        with pytest.raises(StoreBusy):
            await two.begin(DIGEST)
        await one.leave(ingest)
        taken = await two.begin(DIGEST)
        assert taken.offset == 2000  # S6
        await two.run(taken.append, DATA[2000:])
        await two.commit(taken)
        assert await content(one, DIGEST) == DATA


async def test_a_second_mirror_is_refused(tmp_path: Path) -> None:
    async with stores(tmp_path, 2):
        with pytest.raises(StoreBusy, match="in use by another mirror"):
            await Store.open(tmp_path, ENDLESS)


async def test_a_successor_joins_those_who_are_there(tmp_path: Path) -> None:
    family = Family(2)
    async with store_at(tmp_path, siblings=family.members[0]) as one:
        await one.put(DIGEST, DATA)
        for _ in range(2):
            async with store_at(tmp_path, siblings=family.members[1]) as two:
                assert await content(two, DIGEST) == DATA


async def test_s5_what_one_evicts_stays_readable_for_who_has_it_open_elsewhere(tmp_path: Path) -> None:
    async with stores(tmp_path, 2) as (_, (one, two)):
        await one.put(DIGEST, DATA)
        held = await two.blobs.open(DIGEST)
        assert held is not None
        await one.blobs.delete(DIGEST)
        with held:
            assert len(DATA) == held.size
        assert await content(two, DIGEST) is None


async def test_any_process_makes_the_room_that_it_needs(tmp_path: Path) -> None:
    async with stores(tmp_path, 2, room_of(10_000)) as (_, (one, two)):
        for store in (one, two):
            await without_rounds(store)
        for number in range(9):
            await one.put(*blob(number, 1000))
        await one.flush()
        ingest = await two.begin(DIGEST)
        await two.expect(ingest, len(DATA))
        assert len(published(tmp_path)) < 9
        await two.run(ingest.append, DATA)
        await two.commit(ingest)
        assert two.size <= 10_000


async def test_room_is_kept_for_what_others_are_fetching(tmp_path: Path) -> None:
    async with stores(tmp_path, 2, room_of(10_000)) as (_, (one, two)):
        for store in (one, two):
            await without_rounds(store)
        for number in range(6):
            await one.put(*blob(number, 1000))
        ingest = await one.begin(DIGEST)
        await one.expect(ingest, 3500)
        await one.run(ingest.append, DATA[:1])
        other = await two.begin(blob(7)[0])
        await two.expect(other, 3500)
        assert len(published(tmp_path)) < 6  # else 6000 would be there, and 7000 more to come
        await one.leave(ingest)
        await two.leave(other)


async def test_two_evictions_are_never_under_way_at_once(tmp_path: Path) -> None:
    async with stores(tmp_path, 3, room_of(5_000)) as (_, members):
        for store in members:
            await without_rounds(store)
        for number in range(10):
            await members[number % 3].put(*blob(number, 1000))
        for store in members:
            await store.flush()
        went = await asyncio.gather(*(store.evict() for store in members))
        assert sum(went) == 6000  # to nine tenths of the bound, once
        assert len(published(tmp_path)) == 4


async def test_databases_are_written_by_all_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    async with stores(tmp_path, 4) as (_, members):
        for store in members:
            await without_rounds(store)  # who measures meanwhile may miss for a round what another has just published
        await asyncio.gather(
            *(members[number % 4].put(*blob(number, 300)) for number in range(400)),
        )
        for store in members:
            await store.flush()
        assert [store.facts_lost for store in members] == [0] * 4
        assert {await content(members[3], blob(number, 300)[0]) == blob(number, 300)[1] for number in range(400)} == {
            True
        }
        assert {store.size for store in members} == {400 * 300}
    assert false_blobs(tmp_path) == []
