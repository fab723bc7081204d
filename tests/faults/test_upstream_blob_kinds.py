"""Blobs that are not like most (empty, small, sha512), signatures that run out, and clients that leave on the way."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from random import Random

import aiohttp
import pytest

from mirror.oci.digest import Digest
from mirror.tasks import spawn
from tests.support.checker import Cache, got, until
from tests.support.faults import Fault, Gate
from tests.support.mirror import MirrorUnderTest
from tests.support.raw import Endless, RawUpstream, Script, answer
from tests.support.registry import FakeRegistry

DATA = Random(11).randbytes(600_000)
SMALL = Random(12).randbytes(10_000)
SETTINGS = {"limits": {"resumes": 1, "read_timeout": "1s"}}
PIECE = 100_000
MIB = 1024**2
WRONG = {
    "flipped bit, first": Fault(flip_at=0),
    "flipped bit, last": Fault(flip_at=9_999),
    "short": Fault(body=SMALL[:-1]),
    "long": Fault(body=SMALL * 2),
}


@pytest.mark.parametrize("data", [b"", b"x", SMALL, DATA], ids=["empty", "one byte", "small", "large"])
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("chunked", [False, True], ids=["sized", "chunked"])
async def test_blobs_of_every_kind_arrive_cold_and_hot(
    tmp_path: Path, data: bytes, algorithm: str, chunked: bool
) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url) as mirror:
        registry.chunked = chunked
        digest = registry.push_blob("a/b", data, algorithm)
        for _ in range(3):
            answer = await got(mirror, f"/v2/a/b/blobs/{digest}")
            assert (answer.status, answer.complete) == (200, True)
            assert answer.body == data
            assert answer.headers["docker-content-digest"] == str(digest)
        assert (registry.count(), registry.bytes_sent) == (1, len(data))
    assert Cache.of(mirror).holds(digest)
    assert Cache.of(mirror).under_way == []


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize(
    "fault", [Fault(flip_at=0), Fault(flip_at=9_999), Fault(body=SMALL[:-1]), Fault(body=SMALL * 2)]
)
async def test_what_is_wrong_with_a_small_blob_is_said(tmp_path: Path, algorithm: str, fault: Fault) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url) as mirror:
        digest = registry.push_blob("a/b", SMALL, algorithm)
        registry.fail(fault, "GET", "/blobs/")
        answer = await got(mirror, f"/v2/a/b/blobs/{digest}")
        assert (answer.status, answer.complete) == (502, True)
        assert json.loads(answer.body)["errors"][0]["code"] == "BAD_UPSTREAM"
        assert Cache.of(mirror).wrong == []
        assert (await got(mirror, f"/v2/a/b/blobs/{digest}")).body == SMALL


async def test_a_small_blob_that_breaks_off_is_healed(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url) as mirror:
        digest = registry.push_blob("a/b", SMALL)
        registry.fail(Fault(cut_at=5_000), "GET", "/blobs/")
        assert (await got(mirror, f"/v2/a/b/blobs/{digest}")).body == SMALL
        assert registry.bytes_sent == len(SMALL)


async def test_a_signature_that_has_expired_is_replaced_on_the_way(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url, SETTINGS) as mirror:
        registry.redirects = True
        digest = registry.push_blob("a/b", DATA)
        gate = Gate(PIECE)
        registry.fail(Fault(cut_at=3 * PIECE, gate=gate), "GET", "/objects/")
        asking = spawn(got(mirror, f"/v2/a/b/blobs/{digest}"), "client")
        await gate.arrived.wait()
        registry.expire_signatures()
        gate.open()
        answer = await asking
        assert (answer.complete, answer.body == DATA) == (True, True)
        signatures = [seen.query.rpartition("=")[2] for seen in registry.seen("GET", "/objects/")]
        assert signatures == ["canary-1", "canary-2"]
        assert registry.bytes_sent == len(DATA)


@pytest.mark.parametrize("leaves_at", [0, PIECE, 3 * PIECE, 5 * PIECE])
async def test_a_client_that_leaves_costs_nothing(tmp_path: Path, leaves_at: int) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url) as mirror:
        digest = registry.push_blob("a/b", DATA)
        gate = Gate(PIECE)
        registry.fail(Fault(gate=gate), "GET", "/blobs/")
        url = f"{mirror.url}/v2/a/b/blobs/{digest}"
        gate.release(1 + leaves_at // PIECE)
        async with mirror.session.get(url) as response:
            assert await response.content.readexactly(leaves_at) == DATA[:leaves_at]
        gate.open()
        assert (await got(mirror, f"/v2/a/b/blobs/{digest}")).body == DATA
        assert (registry.count("GET"), registry.bytes_sent) == (1, len(DATA))


async def test_eight_ranges_of_one_cold_blob_are_one_fetch(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url) as mirror:
        digest = registry.push_blob("a/b", DATA)
        step = len(DATA) // 8
        parts = [(start, start + step) for start in range(0, len(DATA), step)]
        asking = [got(mirror, f"/v2/a/b/blobs/{digest}", Range=f"bytes={start}-{stop - 1}") for start, stop in parts]
        answers = await asyncio.gather(*asking)
        assert {answer.status for answer in answers} == {206}
        assert b"".join(answer.body for answer in answers) == DATA
        assert (registry.count(), registry.bytes_sent) == (1, len(DATA))


async def test_a_blob_without_an_end_does_not_fill_the_disk(tmp_path: Path) -> None:
    """Nobody says how large it is; it is larger than the cache may be, and its client has had enough of it."""
    endless: Script = [answer("200 OK", ["Transfer-Encoding: chunked"]), Endless(b"10000\r\n" + bytes(65536) + b"\r\n")]
    room = {"storage": {"max_size": 4 * MIB}}
    async with RawUpstream(endless) as upstream, MirrorUnderTest(tmp_path, upstream.url, room) as mirror:
        cache = Cache.of(mirror)
        async with mirror.session.get(f"{mirror.url}/v2/a/b/blobs/{Digest.of(b'')}") as response:
            with suppress(aiohttp.ClientError):  # it may be cut for the client, too
                while response.content.total_bytes < 32 * MIB and await response.content.readany():
                    assert used(cache) <= 16 * MIB
        await until(lambda: not any(task.get_name().startswith("fetch:") for task in asyncio.all_tasks()))
        assert used(cache) <= 16 * MIB


def used(cache: Cache) -> int:
    """Bytes of all files of the cache."""
    return sum(path.stat().st_size for path in cache.root.rglob("*") if path.is_file())
