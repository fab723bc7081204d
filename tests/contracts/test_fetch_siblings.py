"""The contract of fetches over several processes that share a cache directory: F1, F6, F8, F11 and F12 among them.

Here they are several stores and pulls on one loop, so that order is made with events; `faults` has real processes.
"""

from __future__ import annotations

import asyncio
import errno
import os
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from mirror.errors import Absent, DigestMismatch, MirrorError, Unreachable
from mirror.oci.digest import Digest
from mirror.pull.content import FoundBlob
from mirror.pull.fetches import Bounds
from mirror.store.ingest import Ingest
from mirror.tasks import end, spawn
from tests.support.caches import data_of_the_ingest, false_blobs, published, under_way
from tests.support.checker import until
from tests.support.faults import Fault, Gate
from tests.support.faulty_disk import Fault as DiskFault
from tests.support.faulty_disk import FaultyDisk
from tests.support.held_disk import HeldDisk
from tests.support.pulling import Pulling, Setup, body, pulling, read
from tests.support.registry import FakeRegistry
from tests.support.siblings import Family, pulls

DATA = Random(11).randbytes(2 * 1024 * 1024)
HALF = len(DATA) // 2
PIECE = 128 * 1024


async def found(pull: Pulling, data: bytes = DATA, repository: str = "a/b", upstream: str = "one") -> FoundBlob:
    return await pull.blobs.find(pull.target(repository, upstream), Digest.of(data))


async def fetched(pull: Pulling, data: bytes = DATA, repository: str = "a/b", upstream: str = "one") -> bytes:
    return await body(await found(pull, data, repository, upstream))


async def outcome(pull: Pulling, repository: str = "a/b", upstream: str = "one") -> bytes | MirrorError:
    try:
        return await fetched(pull, repository=repository, upstream=upstream)
    except MirrorError as error:
        return error


async def halted(
    registry: FakeRegistry, pull: Pulling, pieces: int = 2, trouble: Fault | None = None
) -> tuple[Gate, asyncio.Task[bytes | MirrorError]]:
    """Have this process fetch so many pieces, and no more before the gate opens; what its reader ends with."""
    gate = Gate(PIECE)
    gate.release(pieces)
    registry.push_blob("a/b", DATA)
    registry.fail(replace(trouble or Fault(), gate=gate), "GET", "/a/b/blobs/")
    reader = spawn(outcome(pull), "holder")
    await gate.arrived.wait()
    return gate, reader


# F1: at most one, across all processes


@pytest.mark.parametrize("chunked", [False, True], ids=["size known", "size unknown"])
async def test_f1_a_herd_over_four_processes_is_one_fetch(tmp_path: Path, chunked: bool) -> None:
    async with FakeRegistry() as registry, pulls(tmp_path, 4, one=registry.url) as (_, members):
        registry.chunked = chunked
        registry.push_blob("a/b", DATA)
        herd = [spawn(fetched(members[number % 4]), f"client {number}") for number in range(64)]
        assert await asyncio.gather(*herd) == [DATA] * 64
        assert (registry.count("GET", "/blobs/"), registry.bytes_sent) == (1, len(DATA))
        assert registry.count("HEAD", "/blobs/") == 0


async def test_f1_a_follower_is_given_the_first_bytes_while_the_rest_is_still_to_come(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulls(tmp_path, 2, one=registry.url) as (_, (holder, follower)):
        gate, first = await halted(registry, holder)
        second = await found(follower)
        assert not isinstance(second.content, bytes | None)
        assert second.size == len(DATA)
        assert await read(second.content, 0, PIECE) == DATA[:PIECE]
        gate.open()
        assert await body(second) == DATA
        assert await first == DATA
        assert registry.count("GET", "/blobs/") == 1


async def test_f1_words_that_are_lost_cost_time_and_nothing_else(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulls(tmp_path, 2, one=registry.url) as (family, (holder, follower)):
        family.deaf = {"grown", "whole", "left", "stored"}
        registry.push_blob("a/b", DATA)
        assert await asyncio.gather(*map(fetched, (holder, follower))) == [DATA, DATA]
        assert registry.count("GET", "/blobs/") == 1


async def test_f1_what_is_stored_between_a_look_and_the_lock_is_not_fetched_again(tmp_path: Path) -> None:
    family, disk = Family(2), HeldDisk()
    async with (
        FakeRegistry() as registry,
        pulling(tmp_path, Setup(siblings=family.members[0]), one=registry.url) as first,
        pulling(tmp_path, Setup(siblings=family.members[1], filesystem=disk), one=registry.url) as late,
    ):
        registry.push_blob("a/b", DATA)
        disk.hold()
        waiting = spawn(fetched(late), "late")
        await asyncio.to_thread(disk.arrived.wait)
        assert await fetched(first) == DATA
        await first.ended()
        disk.go.set()
        assert await waiting == DATA
        assert registry.count("GET", "/blobs/") == 1


async def test_f1_another_repository_has_to_prove_that_it_has_the_blob(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulls(tmp_path, 2, one=registry.url) as (_, (holder, follower)):
        registry.push_blob("c/d", DATA)
        gate, first = await halted(registry, holder)
        allowed = await found(follower, repository="c/d")
        assert registry.count("HEAD", "/c/d/blobs/") == 1
        gate.open()
        assert await body(allowed) == DATA == await first
        assert registry.count("GET", "/blobs/") == 1


async def test_f1_a_repository_that_does_not_have_it_gets_no_byte(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulls(tmp_path, 2, one=registry.url) as (_, (holder, follower)):
        gate, first = await halted(registry, holder)
        assert isinstance(await outcome(follower, repository="c/d"), Absent)
        gate.open()
        assert await first == DATA


async def test_f1_what_one_repository_is_refused_is_no_word_about_another(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulls(tmp_path, 2, one=registry.url) as (_, (holder, follower)):
        registry.push_blob("a/b", DATA)
        hold = asyncio.Event()
        registry.fail(Fault(hold=hold), "GET", "/c/d/blobs/")
        first = spawn(outcome(holder, repository="c/d"), "holder")
        await until(lambda: registry.count("GET", "/c/d/blobs/") == 1)
        second = spawn(fetched(follower), "follower")
        await until(lambda: follower.fetches._following._heard != {})
        hold.set()
        assert isinstance(await first, Absent)
        assert await second == DATA


async def test_f1_upstreams_share_a_digest_over_processes(tmp_path: Path) -> None:
    async with (
        FakeRegistry() as one,
        FakeRegistry() as two,
        pulls(tmp_path, 2, one=one.url, two=two.url) as (_, (holder, follower)),
    ):
        one.push_blob("a/b", DATA)
        two.push_blob("a/b", DATA)
        both = await asyncio.gather(fetched(holder), fetched(follower, upstream="two"))
        assert set(both) == {DATA}
        assert one.count("GET", "/blobs/") + two.count("GET", "/blobs/") == 1
        assert (one.count("HEAD", "/blobs/"), two.count("HEAD", "/blobs/")) in {(0, 1), (1, 0)}


async def test_f3_who_follows_takes_no_place_of_a_fetch(tmp_path: Path) -> None:
    setup = Setup(bounds=Bounds(at_once=1, wait=5, resumes=2))
    async with FakeRegistry() as registry, pulls(tmp_path, 2, setup, one=registry.url) as (_, (holder, follower)):
        registry.push_blob("a/b", DATA[1:])
        gate, first = await halted(registry, holder, pieces=1)
        second = await found(follower)
        assert await fetched(follower, DATA[1:]) == DATA[1:]
        gate.open()
        assert await body(second) == DATA == await first


# F6, F8: ends


async def test_f6_on_a_mismatch_those_who_follow_are_cut_short(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulls(tmp_path, 2, one=registry.url) as (_, (holder, follower)):
        gate, first = await halted(registry, holder, trouble=Fault(flip_at=HALF))
        second = await found(follower)
        gate.open()
        with pytest.raises(DigestMismatch):
            await body(second)
        assert isinstance(await first, DigestMismatch)
        await until(lambda: not under_way(tmp_path))
        assert published(tmp_path) == []


async def test_f8_a_failure_reaches_those_who_follow_as_the_same_kind(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulls(tmp_path, 2, one=registry.url) as (_, (holder, follower)):
        gate, first = await halted(registry, holder, trouble=Fault(cut_at=HALF))
        registry.fail(Fault(status=404), "GET", "/blobs/", times=None)
        second = await found(follower)
        gate.open()
        with pytest.raises(Absent):
            await body(second)
        assert isinstance(await first, Absent)
        assert registry.count("GET", "/blobs/") == 2


# F11: the fetching process dies, or gives up


async def _die(family: Family, pull: Pulling, *, told: bool) -> None:
    """End what this process does as the kernel would: nothing is told, written or put in order, but locks are free."""
    family.silence(pull.store.siblings.number)
    await end(*pull.fetches._tasks)
    if told:
        family.bury(pull.store.siblings.number)


@pytest.mark.parametrize("chunked", [False, True], ids=["size known", "size unknown"])
@pytest.mark.parametrize("told", [True, False], ids=["told", "found out"])
async def test_f11_another_process_goes_on_at_the_offset(tmp_path: Path, told: bool, chunked: bool) -> None:
    async with FakeRegistry() as registry, pulls(tmp_path, 3, one=registry.url) as (family, (holder, *others)):
        registry.chunked = chunked
        _, first = await halted(registry, holder, pieces=4)
        following = [await found(pull) for pull in others]
        await until(lambda: data_of_the_ingest(tmp_path).stat().st_size == 4 * PIECE)
        await _die(family, holder, told=told)
        assert isinstance(await first, Unreachable)
        assert await asyncio.gather(*map(body, following)) == [DATA, DATA]
        assert [seen.headers.get("range") for seen in registry.seen("GET", "/blobs/")] == [None, f"bytes={4 * PIECE}-"]
        assert false_blobs(tmp_path) == []


async def test_f11_what_others_may_be_reading_is_not_taken_back_under_their_eyes(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulls(tmp_path, 2, one=registry.url) as (_, (holder, other)):
        ingest = Ingest(holder.store._layout, registry.push_blob("a/b", DATA), durable=False)
        ingest.expect(len(DATA) + 1)
        ingest.append(DATA[:PIECE])
        with os.fdopen(ingest.duplicate(), "rb") as reading:
            ingest.leave()
            assert await fetched(other) == DATA
            assert reading.read() == DATA[:PIECE]
        # The first answer tells that what is there is of another size, and the second one brings all of it.
        assert [seen.headers.get("range") for seen in registry.seen("GET", "/blobs/")] == [f"bytes={PIECE}-", None]
        await until(lambda: not under_way(tmp_path))
        assert false_blobs(tmp_path) == []


async def test_f11_a_process_that_ends_tidily_hands_its_fetches_over(tmp_path: Path) -> None:
    family = Family(2)
    async with FakeRegistry() as registry:
        digest = registry.push_blob("a/b", DATA)
        gate = Gate(PIECE)
        registry.fail(Fault(gate=gate), "GET", "/blobs/")
        gate.release(4)
        async with pulling(tmp_path, Setup(siblings=family.members[0]), one=registry.url) as holder:
            reader, _ = holder.fetches.join(holder.target(), digest)
            await gate.arrived.wait()
            async with pulling(tmp_path, Setup(siblings=family.members[1]), one=registry.url) as follower:
                second = await found(follower)
                await until(lambda: data_of_the_ingest(tmp_path).stat().st_size == 4 * PIECE)
                await holder.pulls.aclose()
                reader.close()
                assert await body(second) == DATA
        assert registry.count("GET", "/blobs/") == 2


# F12: the disk of the fetching process fails


async def test_f12_those_who_follow_go_on_from_what_they_have(tmp_path: Path) -> None:
    family, disk = Family(2), FaultyDisk()
    async with (
        FakeRegistry() as registry,
        pulling(tmp_path, Setup(siblings=family.members[0], filesystem=disk), one=registry.url) as holder,
        pulling(tmp_path, Setup(siblings=family.members[1]), one=registry.url) as follower,
    ):
        registry.push_blob("a/b", DATA)
        gate = Gate(PIECE)
        registry.fail(Fault(gate=gate), "GET", "/blobs/")
        gate.release(4)
        first = await found(holder)
        second = await found(follower)
        assert not isinstance(second.content, bytes | None)
        assert await read(second.content, 0, 4 * PIECE) == DATA[: 4 * PIECE]
        disk.arm(0, DiskFault(errno.ENOSPC, lasting=True))
        gate.open()
        assert await asyncio.gather(*map(body, (first, second))) == [DATA, DATA]
        assert disk.fired
        disk.disarm()
