"""Connections that bring stretches: begun as places allow, ended when nobody wants them. The rest is in test_ranges."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from mirror.errors import MirrorError, Nonsense, Throttled
from mirror.pull.ahead import Ahead
from mirror.pull.growth import Growth
from mirror.pull.lanes import Heard, Lanes
from mirror.pull.sink import Sink
from mirror.pull.turns import Ticket, Turns
from tests.support.caches import descriptors
from tests.support.checker import until
from tests.support.faults import Fault, Gate
from tests.support.pulling import pulling
from tests.support.registry import FakeRegistry
from tests.support.wide import EXTENT, PIECE, places

DATA = Random(11).randbytes(14 * PIECE)


@dataclass
class Scene:
    registry: FakeRegistry
    lanes: Lanes
    ahead: Ahead
    turns: Turns
    failures: list[MirrorError] = field(default_factory=list)
    brought: int = 0

    def count(self, number: int) -> None:
        self.brought += number

    def want(self, lanes: int) -> None:
        self.lanes.wanted = lanes
        self.lanes.staff()

    def gate(self) -> Gate:
        """Have every stretch stop at it, after each piece."""
        gate = Gate(PIECE)
        self.registry.fail(Fault(gate=gate), "GET", "/blobs/", times=None)
        return gate


@asynccontextmanager
async def scene(root: Path, at_once: int = 16) -> AsyncIterator[Scene]:
    """A blob of which nothing is here, and connections that may bring all of it."""
    async with FakeRegistry() as registry, pulling(root, one=registry.url) as pull:
        digest, growth = registry.push_blob("a/b", DATA), Growth()
        sink = Sink(digest, pull.store, growth)
        assert await sink.open() is None
        await sink.expect(len(DATA))
        ahead, turns = Ahead(sink, pull.store, EXTENT), places(at_once)
        made: list[Scene] = []
        heard = Heard(lambda count: made[0].count(count), lambda error: made[0].failures.append(error))
        lanes = Lanes(pull.target(), digest, ahead, turns, heard)
        lanes.total = len(DATA)
        made.append(Scene(registry, lanes, ahead, turns))
        ahead.begin(0)
        try:
            yield made[0]
        finally:
            await lanes.aclose()
            ahead.close()
            await sink.drop()
            growth.end()
    assert descriptors(root) == []


async def test_they_bring_everything_and_then_end(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        here.want(3)
        assert len(here.lanes) == 3
        await until(lambda: len(here.lanes) == 0)
        assert here.brought == here.registry.bytes_sent == len(DATA)
        assert (here.ahead.missing, here.failures) == (0, [])
        assert here.turns.lend(Ticket())


async def test_there_are_no_more_than_have_a_place(tmp_path: Path) -> None:
    async with scene(tmp_path, at_once=4) as here:
        gate = here.gate()
        here.want(8)
        assert len(here.lanes) == 3
        gate.open()


async def test_those_that_are_too_many_end_with_their_stretch(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        gate = here.gate()
        here.want(3)
        await here.registry.arrived("GET", "/blobs/", 3)
        here.lanes.wanted = 0
        gate.open()
        await until(lambda: len(here.lanes) == 0)
        assert here.brought == 3 * EXTENT.length


async def test_what_speaks_against_parts_is_told_once_each(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        here.registry.ranges = False
        here.registry.fail(Fault(status=429, headers={"Retry-After": "9"}), "GET", "/blobs/")
        here.want(2)
        await until(lambda: len(here.lanes) == 0)
        assert {type(error) for error in here.failures} <= {Nonsense, Throttled}
        assert len(here.failures) == 2
        assert here.brought == 0


async def test_one_that_brings_nothing_twice_is_given_up(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        here.registry.fail(Fault(cut_at=0), "GET", "/blobs/", times=2)
        here.want(1)
        await until(lambda: len(here.lanes) == 0)
        assert (here.brought, here.failures) == (0, [])
        assert here.registry.count("GET", "/blobs/") == 2


async def test_whoever_ends_them_keeps_what_they_brought(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        gate = here.gate()
        here.want(2)
        gate.release(3)
        await until(lambda: here.brought == 3 * PIECE)
        await here.lanes.aclose()
        assert len(here.lanes) == 0
        assert here.ahead.missing == len(DATA) - 3 * PIECE


async def test_one_that_was_ended_before_its_first_step_gives_its_place_back(tmp_path: Path) -> None:
    async with scene(tmp_path, at_once=2) as here:
        here.want(1)
        await here.lanes.aclose()
        assert here.turns.lend(Ticket())
