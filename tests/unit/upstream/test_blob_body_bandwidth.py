"""A body keeps to the bandwidth that an operator allows, and what it waits for that is nobody's silence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from mirror.allowance import Allowance, Turnstile
from mirror.config.settings import Limits, Upstream
from mirror.oci.digest import Digest
from mirror.tasks import end, spawn
from mirror.upstream.blob_body import BlobBody
from mirror.upstream.registry import Registry
from tests.support.clock import Clock
from tests.support.raw import RawUpstream, answer
from tests.support.surface import noise
from tests.support.upstreams import Setting, transport

DATA = noise("bandwidth of a body", 60_000)
RATE = 80_000  # bytes a second
PORTION = RATE // 8
SILENCE = 1.0  # seconds that an upstream may be silent


class Held:
    """Lets a test see that somebody waits, and for how long that is to be."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.waiting = asyncio.Event()
        self.free = asyncio.Event()
        self.asked: list[float] = []
        self.turnstile = Turnstile((Allowance(lambda: RATE, self.clock, self._sleep),))

    async def _sleep(self, seconds: float) -> None:
        self.asked.append(seconds)
        self.waiting.set()
        await self.free.wait()
        self.clock.advance(seconds)


@asynccontextmanager
async def answered(held: Held, limits: Limits) -> AsyncIterator[BlobBody]:
    """The body of a whole answer, for which this bandwidth is allowed."""
    setting = Setting(limits=limits)
    async with RawUpstream([answer("200 OK", [f"Content-Length: {len(DATA)}"], DATA)]) as server:
        upstream = Upstream(endpoints=(server.url,))
        async with transport(upstream, setting) as session:
            session.download = held.turnstile
            registry = Registry("fake", upstream, setting.limits, session, setting.clock)
            async with registry.blob("a/b", Digest.of(DATA)) as body:
                yield body
            await registry.aclose()


async def whole(body: BlobBody, pieces: list[bytes]) -> None:
    while piece := await body.read():
        pieces.append(piece)


async def test_a_body_waits_for_its_bandwidth_as_long_as_that_takes() -> None:
    held = Held()
    async with answered(held, Limits(read_timeout=SILENCE)) as body:
        pieces: list[bytes] = []
        reading = spawn(whole(body, pieces), "reading")
        await held.waiting.wait()
        assert pieces == [DATA[:PORTION]]  # the burst
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SILENCE * 1.2):
                await asyncio.shield(reading)
        assert not reading.done()
        held.free.set()
        await reading
        assert b"".join(pieces) == DATA
        assert max(map(len, pieces)) <= PORTION
        assert sum(held.asked) == pytest.approx((len(DATA) - PORTION) / RATE)
        assert body.held >= SILENCE


async def test_what_is_there_already_is_taken_at_once_and_waited_for_afterwards() -> None:
    held = Held()
    async with answered(held, Limits()) as body:
        got = await body.read()
        assert not held.asked
        more = b""
        while not more:
            await asyncio.sleep(0.001)
            more = body.read_ready()
        assert len(more) <= PORTION
        assert not held.asked
        reading = spawn(body.read(), "reading")
        await held.waiting.wait()
        assert held.asked[0] >= len(more) / RATE
        held.free.set()
        assert DATA.startswith(got + more + await reading)
        await end(reading)
