"""The contract of fetches: F6, F8 and F9, how they end, and what readers and clients see of that."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from random import Random

import pytest

from mirror.errors import DigestMismatch, MirrorError
from mirror.oci.digest import Digest
from mirror.pull.fetches import Bounds
from mirror.tasks import spawn
from tests.support.caches import data_of_the_ingest, published, under_way
from tests.support.checker import Cache, got
from tests.support.faults import Fault, Gate
from tests.support.mirror import MirrorUnderTest
from tests.support.pulling import Pulling, Setup, pulling, read
from tests.support.registry import FakeRegistry

DATA = Random(1).randbytes(1024 * 1024)
PIECE = 128 * 1024
NO_RESUMES = {"limits": {"resumes": 0}}
POSITIONS = [0, len(DATA) // 2, len(DATA) - 1]


async def all_bytes_are_in_the_file(pull: Pulling, digest: Digest) -> None:
    fetch = pull.fetches.find(pull.target(), digest)
    assert fetch is not None
    async with asyncio.timeout(10):
        while fetch.growth._progress < len(DATA):
            await fetch.growth._grown.wait()


# F6: the last byte is withheld until the digest is verified; on a mismatch every connection is cut short


@pytest.mark.parametrize("resumed", [False, True], ids=["of unknown size", "of known size"])
async def test_f6_the_last_byte_waits_for_the_end_of_the_body(tmp_path: Path, resumed: bool) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA)
        start = PIECE if resumed else 0
        if resumed:  # the first answer says the size
            registry.fail(Fault(cut_at=start), "GET", "/blobs/")
        # Every byte is there, but not what ends a chunked body: there might be more of them.
        end = asyncio.Event()
        registry.fail(Fault(chunked=True, stall_at=len(DATA) - start, until=end), "GET", "/blobs/")
        reader, _ = pull.fetches.join(pull.target(), digest)
        assert await read(reader, 0, len(DATA) - 1) == DATA[:-1]
        await all_bytes_are_in_the_file(pull, digest)
        last = spawn(reader.ready(len(DATA) - 1), "reader of the last byte")
        await asyncio.sleep(0)
        assert not last.done()
        assert reader.size == (len(DATA) if resumed else None)
        end.set()
        assert await last == len(DATA)
        reader.close()


@pytest.mark.parametrize("at", POSITIONS)
async def test_f6_nobody_is_given_the_last_byte_of_what_is_wrong(tmp_path: Path, at: int) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA)
        registry.fail(Fault(flip_at=at), "GET", "/blobs/")
        readers = [pull.fetches.join(pull.target(), digest)[0] for _ in range(5)]
        (fetch,) = await pull.ended()
        assert isinstance(fetch.failure, DigestMismatch)
        for reader in readers:
            assert await reader.ready(0) == len(DATA) - 1
            with pytest.raises(DigestMismatch):
                await reader.ready(len(DATA) - 1)
            reader.close()
        assert (published(tmp_path), under_way(tmp_path)) == ([], [])


@pytest.mark.parametrize("at", [*POSITIONS, None], ids=lambda at: f"flipped at {at}")
async def test_f6_on_a_mismatch_every_connection_is_cut_short(tmp_path: Path, at: int | None) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url) as mirror:
        digest = registry.push_blob("a/b", DATA)
        gate = Gate(PIECE)
        registry.fail(Fault(flip_at=at, gate=gate), "GET", "/blobs/")
        clients = [spawn(got(mirror, f"/v2/a/b/blobs/{digest}"), f"client {number}") for number in range(5)]
        ranged = spawn(got(mirror, f"/v2/a/b/blobs/{digest}", Range="bytes=1000000-"), "client of the end")
        await gate.arrived.wait()
        gate.open()
        answers = [*await asyncio.gather(*clients), await ranged]
        assert [answer.complete for answer in answers] == [at is None] * 6
        for answer in answers[:5]:
            assert answer.headers["content-length"] == str(len(DATA))
            assert len(answer.body) < len(DATA) or answer.body == DATA
        assert registry.count("GET", "/blobs/") == 1
    assert Cache.of(mirror).holds(digest) is (at is None)


# F8: a failure reaches every reader as the same exception: before headers an error, after them an aborted connection


async def test_f8_every_reader_hears_the_same(tmp_path: Path) -> None:
    setup = Setup(bounds=Bounds(at_once=8, wait=5, resumes=0))
    async with FakeRegistry() as registry, pulling(tmp_path, setup, one=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA)
        registry.fail(Fault(cut_at=500_000), "GET", "/blobs/")
        registry.fail(Fault(status=502), "GET", "/blobs/", times=None)
        readers = [pull.fetches.join(pull.target(), digest)[0] for _ in range(5)]
        heard = await asyncio.gather(*map(read, readers), return_exceptions=True)
        (fetch,) = pull.over
        assert fetch.failure is not None
        assert all(error is fetch.failure for error in heard)
        for reader in readers:
            reader.close()


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (Fault(status=500), 503, "UNAVAILABLE"),
        (Fault(status=429), 503, "TOOMANYREQUESTS"),
        (Fault(status=404), 404, "BLOB_UNKNOWN"),
        (Fault(status=403), 403, "DENIED"),
        (Fault(drop=True), 503, "UNAVAILABLE"),
        (Fault(status=200, body=b"<html>", length=99), 502, "BAD_UPSTREAM"),
    ],
    ids=["500", "429", "404", "403", "no answer", "a page, and not all of it"],
)
async def test_f8_before_headers_clients_get_an_error(
    tmp_path: Path, fault: Fault, status: int | None, code: str
) -> None:
    async with (
        FakeRegistry() as registry,
        MirrorUnderTest(tmp_path, registry.url, NO_RESUMES) as mirror,
    ):
        digest = registry.push_blob("a/b", DATA)
        registry.fail(fault, "GET", "/blobs/", times=None)
        clients = [spawn(got(mirror, f"/v2/a/b/blobs/{digest}"), f"client {number}") for number in range(5)]
        for answer in await asyncio.gather(*clients):
            assert (answer.status, answer.complete) == (status, True)
            assert json.loads(answer.body)["errors"][0]["code"] == code
    assert published(Cache.of(mirror).root) == []


async def test_f8_after_headers_every_connection_is_aborted(tmp_path: Path) -> None:
    async with (
        FakeRegistry() as registry,
        MirrorUnderTest(tmp_path, registry.url, NO_RESUMES) as mirror,
    ):
        digest = registry.push_blob("a/b", DATA)
        registry.fail(Fault(cut_at=500_000), "GET", "/blobs/")
        registry.fail(Fault(status=502), "GET", "/blobs/", times=None)
        clients = [spawn(got(mirror, f"/v2/a/b/blobs/{digest}"), f"client {number}") for number in range(5)]
        for answer in await asyncio.gather(*clients):
            assert (answer.status, answer.complete) == (200, False)
            assert answer.body == DATA[: len(answer.body)]


# F9: after the end it is forgotten; nothing stays but what can be gone on with


@pytest.mark.parametrize(
    ("fault", "left"),
    [
        (Fault(), None),
        (Fault(flip_at=500_000), None),
        (Fault(cut_at=0), None),
        (Fault(cut_at=500_000), 500_000),
        (Fault(status=503), None),
        (Fault(status=404), None),
    ],
    ids=["none", "flipped bit", "nothing came", "broken off", "5xx", "404"],
)
async def test_f9_nothing_is_left_but_what_can_be_gone_on_with(tmp_path: Path, fault: Fault, left: int | None) -> None:
    setup = Setup(bounds=Bounds(at_once=8, wait=5, resumes=0))
    async with FakeRegistry() as registry, pulling(tmp_path, setup, one=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA)
        registry.fail(fault, "GET", "/blobs/")
        registry.fail(Fault(status=503), "GET", "/blobs/", times=None)
        reader, _ = pull.fetches.join(pull.target(), digest)
        (fetch,) = await pull.ended()
        assert (fetch.failure is None) is (fault == Fault())
        assert len(pull.fetches) == 0
        assert pull.fetches.find(pull.target(), digest) is None
        reader.close()
        if left is None:
            assert under_way(tmp_path) == []
        else:
            assert data_of_the_ingest(tmp_path).read_bytes() == DATA[:left]
        registry.heal()
        again, joined = pull.fetches.join(pull.target(), digest)
        assert not joined
        assert await read(again) == DATA
        again.close()
        await pull.ended(2)
        assert under_way(tmp_path) == []


async def test_f9_whoever_comes_after_a_failure_begins_anew(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA)
        registry.fail(Fault(flip_at=7), "GET", "/blobs/")
        reader, _ = pull.fetches.join(pull.target(), digest)
        with pytest.raises(DigestMismatch):
            await read(reader)
        again, joined = pull.fetches.join(pull.target(), digest)  # in the same breath as the failure was heard
        assert not joined
        assert await read(again) == DATA
        reader.close()
        again.close()


async def test_f9_what_the_end_of_the_pool_breaks_off_can_be_gone_on_with(tmp_path: Path) -> None:
    async with FakeRegistry() as registry:
        digest = registry.push_blob("a/b", DATA)
        gate = Gate(PIECE)
        registry.fail(Fault(gate=gate), "GET", "/blobs/")
        async with pulling(tmp_path, one=registry.url) as pull:
            reader, _ = pull.fetches.join(pull.target(), digest)
            gate.release()
            reached = await reader.ready(0)
            await pull.pulls.aclose()
            with pytest.raises(MirrorError, match="shutting down"):
                await reader.ready(reached)
            reader.close()
        assert data_of_the_ingest(tmp_path).read_bytes() == DATA[:reached]
        registry.heal()
        async with pulling(tmp_path, one=registry.url) as pull:
            again, _ = pull.fetches.join(pull.target(), digest)
            assert await read(again) == DATA
            again.close()
        assert registry.seen("GET", "/blobs/")[-1].headers["range"] == f"bytes={reached}-"
        assert Digest.of(DATA) == digest
