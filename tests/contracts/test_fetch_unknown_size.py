"""The contract of fetches, F10: where nobody says how long a blob is, it is the end that is withheld."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import pytest

from mirror.tasks import spawn
from tests.support.checker import got
from tests.support.faults import Fault, Gate
from tests.support.mirror import MirrorUnderTest
from tests.support.pulling import pulling, read
from tests.support.registry import FakeRegistry

DATA = Random(10).randbytes(1024 * 1024)
PIECE = 128 * 1024


@pytest.mark.parametrize("fault", [Fault(), Fault(flip_at=500_000)], ids=["none", "flipped bit"])
async def test_f10_of_unknown_size_the_end_is_withheld(tmp_path: Path, fault: Fault) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url) as mirror:
        registry.chunked = True
        digest = registry.push_blob("a/b", DATA)
        registry.fail(fault, "GET", "/blobs/")
        answer = await got(mirror, f"/v2/a/b/blobs/{digest}")
        assert answer.headers["transfer-encoding"] == "chunked"
        assert "content-length" not in answer.headers
        assert answer.complete is (fault == Fault())
        assert len(answer.body) < len(DATA) or answer.body == DATA
        again = await got(mirror, f"/v2/a/b/blobs/{digest}")
        assert (again.complete, again.body) == (True, DATA)


async def test_f10_of_unknown_size_every_byte_is_streamed_but_the_last_that_came(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        registry.chunked = True
        digest = registry.push_blob("a/b", DATA)
        gate = Gate(PIECE)
        registry.fail(Fault(gate=gate), "GET", "/blobs/")
        reader, _ = pull.fetches.join(pull.target(), digest)
        gate.release()
        assert await read(reader, 0, PIECE - 1) == DATA[: PIECE - 1]
        assert reader.size is None
        waiting = spawn(reader.ready(PIECE - 1), "reader of what may be the last byte")
        await asyncio.sleep(0)
        assert not waiting.done()
        gate.open()
        assert await waiting > PIECE - 1
        assert await read(reader) == DATA
        assert reader.size == len(DATA)
        reader.close()


async def test_f10_of_unknown_size_a_broken_body_is_gone_on_with(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        registry.chunked = True
        digest = registry.push_blob("a/b", DATA)
        registry.fail(Fault(cut_at=500_000), "GET", "/blobs/")
        reader, _ = pull.fetches.join(pull.target(), digest)
        assert await read(reader) == DATA
        reader.close()
        assert [seen.headers.get("range") for seen in registry.requests] == [None, "bytes=500000-"]
