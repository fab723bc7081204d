"""The contract of fetches: F1 to F5 of the design, a section for each. Their ends are in test_fetch_endings.py."""

from __future__ import annotations

import asyncio
import os
import tracemalloc
from pathlib import Path
from random import Random

import pytest

from mirror.pull.fetches import Bounds
from mirror.tasks import spawn
from tests.support.caches import content
from tests.support.faults import Fault, Gate
from tests.support.pulling import Setup, body, pulling, read
from tests.support.registry import FakeRegistry

DATA = Random(1).randbytes(1024 * 1024)
PIECE = 128 * 1024
HERD = 100


# F1: at most one per upstream and digest; `join` claims before any `await`, and looks into the store once more


async def test_f1_joining_claims_before_anything_is_awaited(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA)
        joined = [pull.fetches.join(pull.target(), digest) for _ in range(HERD)]
        assert [had_begun for _, had_begun in joined] == [False] + [True] * (HERD - 1)
        assert registry.requests == []  # no task has had its turn: all of this happened in one breath
        assert await asyncio.gather(*(read(reader) for reader, _ in joined)) == [DATA] * HERD
        for reader, _ in joined:
            reader.close()
        assert (registry.count(), registry.bytes_sent) == (1, len(DATA))
        assert (pull.fetches.began, pull.fetches.joined) == (1, HERD - 1)


async def test_f1_a_herd_that_finds_nothing_is_one_fetch(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA)
        herd = [spawn(pull.blobs.find(pull.target(), digest), f"client {number}") for number in range(HERD)]
        found = await asyncio.gather(*herd)
        assert await asyncio.gather(*map(body, found)) == [DATA] * HERD
        assert (registry.count(), registry.bytes_sent) == (1, len(DATA))


@pytest.mark.parametrize("stored", [True, False])
async def test_f1_the_store_is_looked_into_once_more(tmp_path: Path, stored: bool) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA)
        await pull.blobs.head(pull.target(), digest)  # so that the repository is known to have it
        if stored:
            await pull.store.put(digest, DATA)  # as a fetch does that ends between a request's look and its joining
        reader, _ = pull.fetches.join(pull.target(), digest)
        assert await read(reader) == DATA
        reader.close()
        assert registry.count("GET", "/blobs/") == (0 if stored else 1)


async def test_f1_upstreams_that_are_asked_for_the_same_digest_take_turns(tmp_path: Path) -> None:
    async with (
        FakeRegistry() as first,
        FakeRegistry() as second,
        pulling(tmp_path, one=first.url, two=second.url) as pull,
    ):
        digest = first.push_blob("a/b", DATA)
        assert second.push_blob("a/b", DATA) == digest
        gate = Gate(PIECE)
        first.fail(Fault(gate=gate), "GET", "/blobs/")
        one, _ = pull.fetches.join(pull.target(), digest)
        two, joined = pull.fetches.join(pull.target(upstream="two"), digest)
        assert not joined
        await gate.arrived.wait()
        gate.open()
        assert await asyncio.gather(*map(read, (one, two))) == [DATA, DATA]
        one.close()
        two.close()
        assert first.count("GET", "/blobs/") == 1
        # The other upstream had to say that it has the blob too, but not to send it.
        assert [(seen.method, seen.sent) for seen in second.seen("", "/blobs/")] == [("HEAD", 0)]


# F2: it belongs to the pool; no reader's departure or slowness touches it or the others


async def test_f2_the_reader_who_began_it_may_leave(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA)
        gate = Gate(PIECE)
        registry.fail(Fault(gate=gate), "GET", "/blobs/")
        first, _ = pull.fetches.join(pull.target(), digest)
        second, _ = pull.fetches.join(pull.target(), digest)
        gate.release()
        assert 0 < await first.ready(0) <= PIECE
        first.close()
        assert registry.bytes_sent == PIECE  # it is under way, and would be stopped if that could stop it
        gate.open()
        assert await read(second) == DATA
        second.close()
        assert registry.count() == 1


async def test_f2_a_reader_who_takes_nothing_holds_nobody_back(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA)
        stalled, _ = pull.fetches.join(pull.target(), digest)
        reader, _ = pull.fetches.join(pull.target(), digest)
        assert await read(reader) == DATA
        reader.close()
        (fetch,) = await pull.ended()
        assert fetch.failure is None
        assert await read(stalled) == DATA  # long after the end, from the file that it has open
        stalled.close()


# F3: it runs to completion without readers; the number at a time is bounded for each upstream; memory is O(chunk)


async def test_f3_it_runs_to_completion_without_readers(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA)
        reader, _ = pull.fetches.join(pull.target(), digest)
        reader.close()
        await pull.ended()
        assert await content(pull.store, digest) == DATA
        assert pull.store.facts.member("one", "a/b", str(digest)) is not None


async def test_f3_so_many_at_a_time_for_each_upstream(tmp_path: Path) -> None:
    setup = Setup(bounds=Bounds(at_once=2, wait=10, resumes=0))
    async with (
        FakeRegistry() as busy,
        FakeRegistry() as idle,
        pulling(tmp_path, setup, one=busy.url, two=idle.url) as pull,
    ):
        blobs = [Random(number).randbytes(100_000) for number in range(5)]
        gate = Gate(len(blobs[0]))
        busy.fail(Fault(gate=gate), "GET", "/blobs/", times=None)
        readers = [pull.fetches.join(pull.target(), busy.push_blob("a/b", data))[0] for data in blobs]
        await busy.arrived("GET", "/blobs/", times=2)
        other, _ = pull.fetches.join(pull.target(upstream="two"), idle.push_blob("a/b", DATA))
        assert await read(other) == DATA  # whoever waits at one upstream waits at no other
        other.close()
        assert busy.count("GET", "/blobs/") == 2
        gate.release()
        await busy.arrived("GET", "/blobs/", times=3)
        assert busy.count("GET", "/blobs/") == 3
        gate.open()
        assert await asyncio.gather(*map(read, readers)) == blobs
        for reader in readers:
            reader.close()


async def test_f3_memory_does_not_grow_with_the_blob(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA * 32)
        tracemalloc.start()
        try:
            reader, _ = pull.fetches.join(pull.target(), digest)
            await pull.ended()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        reader.close()
        assert await content(pull.store, digest) == DATA * 32
        assert peak < 8 * 1024**2


# F4: readers share the file and read by position


async def test_f4_readers_share_one_file_and_nobody_moves_in_it(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA)
        gate = Gate(PIECE)
        registry.fail(Fault(gate=gate), "GET", "/blobs/")
        readers = [pull.fetches.join(pull.target(), digest)[0] for _ in range(5)]
        parts = [(0, 10), (PIECE - 5, PIECE + 5), (len(DATA) - 7, len(DATA)), (0, len(DATA)), (300_000, 700_000)]
        reading = [spawn(read(reader, *part), f"{part}") for reader, part in zip(readers, parts, strict=True)]
        gate.open()
        assert await asyncio.gather(*reading) == [DATA[start:stop] for start, stop in parts]
        assert len({reader.descriptor for reader in readers}) == 1
        assert os.lseek(readers[0].descriptor, 0, os.SEEK_CUR) == 0
        for reader in readers:
            reader.close()


# F5: progress is one number; growing it wakes all readers


async def test_f5_every_reader_is_told_the_same_number(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA)
        gate = Gate(PIECE)
        registry.fail(Fault(gate=gate), "GET", "/blobs/")
        readers = [pull.fetches.join(pull.target(), digest)[0] for _ in range(HERD)]
        reached = 0
        while reached < len(DATA):
            gate.release()
            ends = await asyncio.gather(*(reader.ready(reached) for reader in readers))
            assert len(set(ends)) == 1
            reached = ends[0]
            assert reached <= registry.bytes_sent
            if reached % PIECE:
                gate.release()
        for reader in readers:
            reader.close()
        assert registry.count() == 1
