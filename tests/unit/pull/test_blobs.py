"""Blobs by digest: where they come from, what a HEAD needs, what is remembered. Whose they are: test_membership."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from mirror.errors import Absent, Code, Denied, MirrorError, Throttled, Unreachable
from mirror.oci.digest import Digest
from mirror.outcome import Outcome
from mirror.pull.blobs import Whole
from mirror.pull.freshness import Policy
from mirror.pull.manifests import Question
from mirror.pull.reader import Reader
from mirror.store.filesystem import Filesystem
from mirror.tasks import spawn
from tests.support.caches import path_of
from tests.support.clock import Clock
from tests.support.faults import Fault, Gate
from tests.support.pulling import BOUNDS, LIMITS, Pulling, Setup, body, pulling
from tests.support.registry import FakeRegistry

LARGE = Random(5).randbytes(200_000)
SMALL = Random(6).randbytes(1000)


async def pulled(pull: Pulling, digest: Digest) -> tuple[bytes, Outcome]:
    found = await pull.blobs.find(pull.target(), digest)
    return await body(found), found.answer.outcome


@pytest.mark.parametrize("data", [LARGE, SMALL, b""], ids=["large", "small", "empty"])
async def test_a_blob_is_a_miss_and_then_a_hit(tmp_path: Path, data: bytes) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", data)
        assert await pulled(pull, digest) == (data, Outcome.MISS)
        await pull.ended()
        assert await pulled(pull, digest) == (data, Outcome.HIT)
        assert (registry.count(), registry.bytes_sent) == (1, len(data))


@pytest.mark.parametrize("clients", [1, 3])
async def test_wrong_bytes_that_an_earlier_fetch_has_left_are_nobodys_trouble(tmp_path: Path, clients: int) -> None:
    setup = Setup(bounds=replace(BOUNDS, resumes=0))
    async with FakeRegistry() as registry, pulling(tmp_path, setup, one=registry.url) as pull:
        digest = registry.push_blob("a/b", SMALL)
        registry.fail(Fault(flip_at=10, cut_at=100), "GET", "/blobs/")
        registry.fail(Fault(drop=True), "GET", "/blobs/", times=None)
        with pytest.raises(MirrorError):
            await pulled(pull, digest)
        await pull.ended()
        registry.heal()
        asked = registry.count()
        assert [data for data, _ in await asyncio.gather(*(pulled(pull, digest) for _ in range(clients)))] == (
            clients * [SMALL]
        )
        assert registry.count() == asked + 2  # the rest of what was left, and all of it


async def test_who_comes_while_it_is_fetched_has_joined(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", LARGE)
        gate = Gate(100_000)
        registry.fail(Fault(gate=gate), "GET", "/blobs/")
        first = spawn(pulled(pull, digest), "first")
        await gate.arrived.wait()
        second = spawn(pulled(pull, digest), "second")
        gate.open()
        assert (await first, await second) == ((LARGE, Outcome.MISS), (LARGE, Outcome.JOINED))


async def test_small_blobs_are_kept_in_memory_once_they_have_been_read(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        small, large = registry.push_blob("a/b", SMALL), registry.push_blob("a/b", LARGE)
        for digest in (small, large):
            for _ in range(2):
                assert pull.blobs.recall(pull.target(), digest) is None
                await pulled(pull, digest)
                await pull.ended(pull.fetches.began)
        found = pull.blobs.recall(pull.target(), small)
        assert found is not None
        assert (found.content, found.size, found.answer.outcome) == (SMALL, len(SMALL), Outcome.HIT)
        assert pull.blobs.recall(pull.target(), large) is None
        assert pull.blobs.recall(pull.target("a/stranger"), small) is None


async def test_what_is_wrong_with_a_small_blob_is_said_before_a_byte_is_promised(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        small, large = registry.push_blob("a/b", SMALL), registry.push_blob("a/b", LARGE)
        registry.fail(Fault(flip_at=999), "GET", "/blobs/", times=2)
        with pytest.raises(MirrorError) as failure:
            await pull.blobs.find(pull.target(), small)
        assert failure.value.code is Code.BAD_UPSTREAM
        found = await pull.blobs.find(pull.target(), large)
        with pytest.raises(MirrorError):
            await body(found)


@pytest.mark.parametrize("flip_at", [None, 999], ids=["right", "wrong"])
async def test_a_small_blob_that_only_trickles_is_given_as_it_comes_but_for_its_last_byte(
    tmp_path: Path, flip_at: int | None
) -> None:
    impatient = Setup(
        bounds=replace(BOUNDS, answer=0.05),
        limits=LIMITS.model_copy(update={"read_timeout": 60.0}),  # nothing but the patience ends the wait
    )
    async with FakeRegistry() as registry, pulling(tmp_path, impatient, one=registry.url) as pull:
        digest, rest = registry.push_blob("a/b", SMALL), asyncio.Event()
        registry.fail(Fault(stall_at=500, until=rest, flip_at=flip_at), "GET", "/blobs/")
        async with asyncio.timeout(10):
            found = await pull.blobs.find(pull.target(), digest)
        assert isinstance(found.content, Reader)
        assert (found.size, found.answer.outcome) == (len(SMALL), Outcome.MISS)
        assert await found.content.ready(0) <= 500
        rest.set()
        if flip_at is None:
            assert await body(found) == SMALL
        else:
            with pytest.raises(MirrorError):
                await body(found)
        assert registry.count() == 1


async def test_a_head_asks_and_fetches_nothing(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", LARGE)
        found = await pull.blobs.head(pull.target(), digest)
        assert (found.size, found.content, found.answer.outcome) == (len(LARGE), None, Outcome.MISS)
        assert [(seen.method, seen.sent) for seen in registry.requests] == [("HEAD", 0)]
        assert len(pull.fetches) == 0


async def test_a_head_of_what_is_stored_asks_nobody(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", LARGE)
        await pulled(pull, digest)
        await pull.ended()
        found = await pull.blobs.head(pull.target(), digest)
        assert (found.size, found.answer.outcome) == (len(LARGE), Outcome.HIT)
        assert registry.count() == 1


async def test_a_head_of_what_is_being_fetched_asks_nobody(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", LARGE)
        gate = Gate(100_000)
        registry.fail(Fault(gate=gate), "GET", "/blobs/")
        first = spawn(pulled(pull, digest), "first")
        await gate.arrived.wait()
        reader, _ = pull.fetches.join(pull.target(), digest)
        await reader.begun()
        found = await pull.blobs.head(pull.target(), digest)
        assert (found.size, found.answer.outcome) == (len(LARGE), Outcome.JOINED)
        reader.close()
        gate.open()
        await first
        assert registry.count() == 1


async def test_a_herd_of_heads_is_one_question(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", LARGE)
        heads = [spawn(pull.blobs.head(pull.target(), digest), f"head {number}") for number in range(50)]
        assert {found.size for found in await asyncio.gather(*heads)} == {len(LARGE)}
        assert registry.count() == 1


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_an_absence_is_remembered_for_a_while(tmp_path: Path, method: str) -> None:
    setup = Setup(policy=Policy(300, 3600, not_found_ttl=60))
    async with FakeRegistry() as registry, pulling(tmp_path, setup, one=registry.url) as pull:
        digest = Digest.of(LARGE)
        ask = pull.blobs.find if method == "GET" else pull.blobs.head
        for _ in range(3):
            with pytest.raises(Absent) as absence:
                await ask(pull.target(), digest)
            assert absence.value.code is Code.BLOB_UNKNOWN
        assert registry.count() == 1
        registry.push_blob("a/c", LARGE)
        assert (await pull.blobs.head(pull.target("a/c"), digest)).size == len(LARGE)  # and for that repository alone


async def test_an_absence_is_not_remembered_where_it_is_not_to_be(tmp_path: Path) -> None:
    setup = Setup(policy=Policy(300, 3600, not_found_ttl=0))
    async with FakeRegistry() as registry, pulling(tmp_path, setup, one=registry.url) as pull:
        digest = Digest.of(LARGE)
        with pytest.raises(Absent):
            await pull.blobs.find(pull.target(), digest)
        registry.push_blob("a/b", LARGE)
        assert (await pulled(pull, digest))[0] == LARGE


@pytest.mark.parametrize(("status", "error"), [(401, Denied), (403, Denied), (429, Throttled), (500, Unreachable)])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_no_other_refusal_is_remembered(
    tmp_path: Path, status: int, error: type[MirrorError], method: str
) -> None:
    clock = Clock()
    async with FakeRegistry() as registry, pulling(tmp_path, Setup(clock=clock), one=registry.url) as pull:
        digest = registry.push_blob("a/b", LARGE)
        registry.fail(Fault(status=status), path="/blobs/", times=None)
        ask = pull.blobs.find if method == "GET" else pull.blobs.head
        with pytest.raises(error):
            await ask(pull.target(), digest)
        registry.heal()
        clock.advance(60)  # for which a registry that says 429 is left alone
        assert (await pulled(pull, digest))[0] == LARGE


async def test_that_a_digest_is_no_blob_says_nothing_of_the_manifest(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        image = registry.push_image("a/b", "latest", [])
        with pytest.raises(Absent):
            await pull.blobs.find(pull.target(), image.digest)
        question = Question(pull.target(), image.digest)
        assert (await pull.manifests.find(question)).manifest.body == image.manifest_body


async def test_a_blob_that_was_cut_on_disk_is_fetched_again(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", LARGE)
        await pulled(pull, digest)
        await pull.ended()
        os.truncate(path_of(tmp_path, digest), 100)
        assert await pulled(pull, digest) == (LARGE, Outcome.MISS)
        assert registry.count("GET", "/blobs/") == 2


class StumblingDisk(Filesystem):
    """A disk that gives, once it is told to and once only, a file of which nothing can be read."""

    stumbles = False

    def open_to_read(self, name: str, parent: int) -> tuple[int, os.stat_result]:
        descriptor, status = super().open_to_read(name, parent)
        if self.stumbles:
            self.stumbles = False
            os.dup2(parent, descriptor)  # reading a directory fails as a broken disk does
        return descriptor, status


async def test_a_disk_that_cannot_read_a_small_blob_is_not_the_clients_trouble(tmp_path: Path) -> None:
    disk = StumblingDisk()
    async with FakeRegistry() as registry, pulling(tmp_path, Setup(filesystem=disk), one=registry.url) as pull:
        digest = registry.push_blob("a/b", SMALL)
        await pulled(pull, digest)
        await pull.ended()
        disk.stumbles = True
        assert (await pulled(pull, digest))[0] == SMALL
        assert not disk.stumbles


async def test_a_stored_blob_that_is_doubted_is_verified_and_fetched_again(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", LARGE)
        await pulled(pull, digest)
        await pull.ended()
        found = await pull.blobs.find(pull.target(), digest)
        assert found.content is not None
        assert not isinstance(found.content, bytes)
        path = path_of(tmp_path, digest)
        status = path.stat()
        path.write_bytes(bytes(len(LARGE)))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # so that only a verification can tell
        found.content.doubt()
        found.content.close()
        assert await pulled(pull, digest) == (LARGE, Outcome.MISS)


async def test_letting_go_of_a_stored_blob_twice_is_harmless(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", LARGE)
        await pulled(pull, digest)
        await pull.ended()
        found = await pull.blobs.find(pull.target(), digest)
        assert found.content is not None
        assert not isinstance(found.content, bytes)
        assert await found.content.ready(5) == len(LARGE)
        found.content.close()
        other = os.open(tmp_path, os.O_RDONLY)  # likely to get the number that has just become free
        found.content.close()
        os.fstat(other)
        os.close(other)


async def test_what_is_sent_from_a_file_is_being_read_until_it_is_closed(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", LARGE)
        await pulled(pull, digest)
        await pull.ended(1)
        found = await pull.blobs.find(pull.target(), digest)
        assert isinstance(found.content, Whole)
        assert str(digest) in pull.store.removal.readers
        found.content.close()
        found.content.close()
        assert str(digest) not in pull.store.removal.readers
