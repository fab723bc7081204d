"""Pieces of a body: what is there at once, and a little more when that is very little."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, cast

import pytest

from mirror.config.settings import Upstream
from mirror.errors import Interrupted
from mirror.oci.digest import Digest
from mirror.pull.pieces import next_heap, next_piece
from mirror.tasks import spawn
from mirror.upstream.blob_body import BlobBody
from tests.support.faults import Fault, Gate
from tests.support.registry import FakeRegistry
from tests.support.upstreams import opened

DATA = bytes(range(256)) * 4096
READERS = [next_piece, next_heap]
Next = Callable[[BlobBody], Coroutine[Any, Any, bytes]]


async def all_of(body: BlobBody, following: Next, got: bytearray) -> None:
    while piece := await following(body):
        got += piece


@pytest.mark.parametrize("following", READERS)
@pytest.mark.parametrize("piece", [100, 50_000, len(DATA)])
async def test_every_byte_comes_in_its_order(following: Next, piece: int) -> None:
    async with FakeRegistry() as registry, opened(Upstream(endpoints=(registry.url,))) as upstream:
        data = DATA[: min(len(DATA), piece * 40)]
        digest = registry.push_blob("a/b", data)
        gate = Gate(piece)
        gate.open()
        registry.fail(Fault(gate=gate), "GET", "/blobs/")
        async with upstream.blob("a/b", digest) as body:
            await all_of(body, following, got := bytearray())
            assert got == data


@pytest.mark.parametrize("following", READERS)
async def test_a_first_byte_does_not_wait_for_the_rest(following: Next) -> None:
    async with FakeRegistry() as registry, opened(Upstream(endpoints=(registry.url,))) as upstream:
        digest = registry.push_blob("a/b", DATA)
        gate = Gate(1000)
        registry.fail(Fault(gate=gate), "GET", "/blobs/")
        async with upstream.blob("a/b", digest) as body:
            reading = spawn(following(body), "reading")
            gate.release()
            assert await asyncio.wait_for(reading, 5) == DATA[:1000]


@pytest.mark.parametrize("following", READERS)
async def test_what_came_before_a_break_counts(following: Next) -> None:
    async with FakeRegistry() as registry, opened(Upstream(endpoints=(registry.url,))) as upstream:
        digest = registry.push_blob("a/b", DATA)
        registry.fail(Fault(cut_at=70_000), "GET", "/blobs/")
        got = bytearray()
        async with upstream.blob("a/b", digest) as body:
            with pytest.raises(Interrupted):
                await all_of(body, following, got)
        assert got == DATA[:70_000]


@pytest.mark.parametrize("following", READERS)
async def test_nothing_is_nothing(following: Next) -> None:
    async with FakeRegistry() as registry, opened(Upstream(endpoints=(registry.url,))) as upstream:
        registry.push_blob("a/b", b"")
        async with upstream.blob("a/b", Digest.of(b"")) as body:
            assert await following(body) == b""


class Whole:
    """A body whose bytes are all there."""

    has_come = True

    async def read(self) -> bytes:
        return DATA[:100]


@pytest.mark.parametrize("following", READERS)
def test_what_has_come_whole_waits_for_no_more(following: Next) -> None:
    reading = following(cast(BlobBody, Whole()))
    with pytest.raises(StopIteration) as ended:
        reading.send(None)  # it has not waited for anything
    assert ended.value.value == DATA[:100]
