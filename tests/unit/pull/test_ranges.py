"""A blob over several connections: the same bytes, each once, whatever becomes of the connections."""

from __future__ import annotations

import asyncio
import errno
import os
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from mirror.errors import MirrorError
from mirror.oci.digest import Digest
from mirror.store.filesystem import Filesystem
from tests.support.caches import content, descriptors, under_way
from tests.support.checker import until
from tests.support.clock import Clock
from tests.support.faults import Fault, Gate, Never
from tests.support.pulling import Pulling, Setup, pulling
from tests.support.registry import FakeRegistry
from tests.support.wide import EXTENT, PIECE, begun, first_goes_to_its_edge, place, places, waiting, ways

DATA = Random(5).randbytes(40 * PIECE + 777)


def asked(registry: FakeRegistry) -> list[str | None]:
    return [seen.headers.get("range") for seen in registry.seen("GET", "/blobs/")]


def left(root: Path) -> dict[str, int]:
    """The files beside each other in the one ingest that is there, and their sizes."""
    (place,) = (root / "ingest").iterdir()
    return {path.name: path.stat().st_size for path in place.iterdir()}


async def test_every_byte_comes_once_and_in_its_place(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA)
        first_goes_to_its_edge(registry)
        assert await begun(pull, digest, ways(registry)).all() == DATA
        assert registry.bytes_sent == len(DATA)
        assert len(asked(registry)) == 1 + -(-(len(DATA) - EXTENT.length) // EXTENT.length)
        assert await content(pull.store, digest) == DATA
        assert under_way(tmp_path) == []
    assert descriptors(tmp_path) == []


async def test_so_many_connections_as_helped_are_open_at_a_time(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA)
        gate = Gate(PIECE)
        registry.fail(Fault(gate=gate), "GET", "/blobs/", times=None)
        wide = begun(pull, digest, ways(registry, width=3))
        await registry.arrived("GET", "/blobs/", 3)
        gate.release()
        await wide.reader.begun()
        assert len(asked(registry)) == 3
        gate.open()
        assert await wide.all() == DATA


async def test_what_lies_ahead_is_bounded(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA)
        gate = Gate(PIECE)
        registry.fail(Fault(gate=gate), "GET", "/blobs/")
        wide = begun(pull, digest, ways(registry, width=8))
        await registry.arrived("GET", "/blobs/", 1 + 3)  # the window of four begins with the first connection's own
        await asyncio.gather(*(has_left(registry, number) for number in (1, 2, 3)))
        assert len(asked(registry)) == 4
        gate.open()
        assert await wide.all() == DATA


async def has_left(registry: FakeRegistry, number: int) -> None:
    """Wait until the answer to this request has left entirely."""
    await until(lambda: registry.seen("GET", "/blobs/")[number].sent == EXTENT.length)


async def test_a_connection_that_breaks_is_gone_on_with_at_its_byte(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA)
        first_goes_to_its_edge(registry)
        for cut in (1000, 3 * PIECE, PIECE + 1):
            registry.fail(Fault(cut_at=cut), "GET", "/blobs/")
        assert await begun(pull, digest, ways(registry)).all() == DATA
        assert registry.bytes_sent == len(DATA)


async def test_a_connection_that_is_silent_while_others_move_is_replaced(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA)
        first_goes_to_its_edge(registry)
        registry.fail(Fault(stall_at=PIECE, until=Never()), "GET", "/blobs/")
        assert await begun(pull, digest, ways(registry, stall=1.0)).all() == DATA
        assert registry.bytes_sent == len(DATA)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(whole=True),
        Fault(headers={"Content-Range": "bytes 0-262143/2622217"}),
        Fault(headers={"Content-Range": f"bytes 262144-524287/{len(DATA) + 1}"}),
        Fault(headers={"Content-Range": None}),
        Fault(status=404),
        Fault(status=403),
        Fault(status=416),
    ],
    ids=["200", "another part", "another size", "no word", "404", "403", "416"],
)
async def test_an_upstream_that_does_not_send_parts_is_asked_for_the_rest(tmp_path: Path, fault: Fault) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA)
        gate = first_goes_to_its_edge(registry)
        registry.fail(fault, "GET", "/blobs/", times=3)
        wide = begun(pull, digest, ways(registry))
        await registry.arrived("GET", "/blobs/", 4)
        gate.open()
        assert await wide.all() == DATA
        assert await content(pull.store, digest) == DATA


@pytest.mark.parametrize("status", [429, 503])
async def test_an_upstream_that_has_enough_of_us_is_asked_over_one_connection(tmp_path: Path, status: int) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA)
        gate = Gate(PIECE)
        registry.fail(Fault(gate=gate), "GET", "/blobs/")
        registry.fail(Fault(status=status, headers={"Retry-After": "60"}), "GET", "/blobs/", times=3)
        wide = begun(pull, digest, ways(registry, width=2))
        await registry.arrived("GET", "/blobs/", 2)
        gate.open()
        assert await wide.all() == DATA
        assert asked(registry)[2:] == []


async def test_a_wrong_byte_in_any_part_cuts_every_reader(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA)
        first_goes_to_its_edge(registry)
        registry.fail(Fault(flip_at=17), "GET", "/blobs/")
        with pytest.raises(MirrorError):
            await begun(pull, digest, ways(registry)).all()
        assert await content(pull.store, digest) is None
        assert under_way(tmp_path) == []


async def test_of_an_unknown_size_nothing_is_fetched_ahead(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        registry.chunked = True
        digest = registry.push_blob("a/b", DATA)
        assert await begun(pull, digest, ways(registry)).all() == DATA
        assert asked(registry) == [None]


async def test_one_connection_is_all_that_is_allowed(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA)
        assert await begun(pull, digest, ways(registry), limit=1).all() == DATA
        assert asked(registry) == [None]


async def test_without_a_free_place_there_is_one_connection(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA)
        assert await begun(pull, digest, ways(registry, turns=places(1))).all() == DATA
        assert asked(registry) == [None]


async def test_a_place_that_somebody_waits_for_is_given_back(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA)
        gate, turns = Gate(PIECE), places(4)
        registry.fail(Fault(gate=gate), "GET", "/blobs/", times=None)
        wide = begun(pull, digest, ways(registry, width=4, turns=turns))
        await registry.arrived("GET", "/blobs/", 2)
        others = [waiting(turns) for _ in range(4)]
        gate.open()
        assert await wide.all() == DATA
        assert await asyncio.gather(*others)


async def test_a_stop_leaves_what_the_next_fetch_goes_on_with(tmp_path: Path) -> None:
    async with FakeRegistry() as registry:
        digest = registry.push_blob("a/b", DATA)
        async with pulling(tmp_path, one=registry.url) as pull:
            await stopped_in_the_middle(registry, pull, digest, tmp_path)
        assert left(tmp_path).keys() == {"data", "total", f"ahead-{EXTENT.length}", f"ahead-{2 * EXTENT.length}"}
        here = sum(size for name, size in left(tmp_path).items() if name != "total")
        registry.heal()
        registry.requests.clear()
        async with pulling(tmp_path, one=registry.url) as pull:
            assert await begun(pull, digest, ways(registry, width=0)).all() == DATA
            assert registry.bytes_sent == len(DATA) - here
            assert under_way(tmp_path) == []


async def stopped_in_the_middle(registry: FakeRegistry, pull: Pulling, digest: Digest, root: Path) -> None:
    """The first connection has got so far, another one is done, a third one is in the middle of its stretch."""
    first, third = Gate(PIECE), Gate(PIECE)
    registry.fail(Fault(gate=first), "GET", "/blobs/")
    registry.fail(Fault(), "GET", "/blobs/")
    registry.fail(Fault(gate=third), "GET", "/blobs/", times=None)
    wide = begun(pull, digest, ways(registry, width=3))
    await registry.arrived("GET", "/blobs/", 4)
    first.release()
    third.release()
    await wide.reader.ready(0)
    await has_left(registry, 1)
    await until(lambda: sum(left(root).values()) >= EXTENT.length + 2 * PIECE)
    await wide.stop()


class FullDisk(Filesystem):
    """A disk that takes no part of a blob before its turn, once it has taken so many pieces."""

    def __init__(self, takes: int) -> None:
        self.takes = takes
        self.refused = 0

    def write(self, descriptor: int, data: bytes | memoryview, offset: int) -> None:
        if "/ahead-" in os.readlink(f"/proc/self/fd/{descriptor}"):
            self.takes -= 1
            if self.takes < 0:
                self.refused += 1
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().write(descriptor, data, offset)


@pytest.mark.parametrize("takes", [0, 1, 3])
async def test_f12_a_disk_that_takes_nothing_ahead_costs_nobody_anything(tmp_path: Path, takes: int) -> None:
    disk = FullDisk(takes)
    async with FakeRegistry() as registry, pulling(tmp_path, Setup(filesystem=disk), one=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA)
        gate = first_goes_to_its_edge(registry)
        wide = begun(pull, digest, ways(registry))
        await until(lambda: disk.refused > 0)
        gate.open()
        assert await wide.all() == DATA
        assert not wide.fetch.sink.overflowed
        assert await content(pull.store, digest) == DATA


class Paced:
    """A fetch of which nothing was measured before, and an upstream that lets pieces out as time passes."""

    def __init__(self, registry: FakeRegistry, pull: Pulling) -> None:
        self.clock = Clock()
        self.ways = replace(ways(registry, width=0), clock=self.clock)
        self.first, self.others = Gate(PIECE), Gate(PIECE)
        registry.fail(Fault(gate=self.first), "GET", "/blobs/")
        registry.fail(Fault(gate=self.others), "GET", "/blobs/", times=None)
        self.digest = registry.push_blob("a/b", LONG)
        self.wide = begun(pull, self.digest, self.ways, limit=2)
        self._registry = registry
        self._out = 0

    async def pass_by(self, quarters: int, first: int = 0, others: int = 0) -> None:
        """Let time pass, in each quarter of a second of which so many pieces come, over which connection."""
        for _ in range(quarters):
            self.clock.advance(0.25)
            self._out += (first + others) * PIECE
            self.first.release(first)
            self.others.release(others)
            await until(self._is_here)

    async def end(self) -> None:
        self.first.open()
        self.others.open()
        assert await self.wide.all() == LONG

    def _is_here(self) -> bool:
        ranges = self.wide.fetch._ranges
        return ranges is not None and ranges._received == self._out


LONG = Random(6).randbytes(100 * PIECE)


async def test_a_second_connection_is_kept_and_remembered_where_it_helps(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        paced = Paced(registry, pull)
        await paced.wide.reader.begun()
        await paced.pass_by(9, first=1)
        assert len(asked(registry)) == 1
        await paced.pass_by(1, first=1)
        await registry.arrived("GET", "/blobs/", 2)
        await paced.pass_by(3, first=1, others=1)
        assert paced.ways.widths.recall(place(registry)) is None
        await paced.pass_by(3, others=2)
        assert paced.ways.widths.recall(place(registry)) == 2
        await paced.end()


async def test_a_second_connection_is_given_up_where_it_does_not_help(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        paced = Paced(registry, pull)
        await paced.wide.reader.begun()
        await paced.pass_by(10, first=1)
        await registry.arrived("GET", "/blobs/", 2)
        await paced.pass_by(3, first=1)
        await paced.pass_by(3, others=1)
        assert paced.ways.widths.recall(place(registry)) == 1
        await paced.end()
        assert await content(pull.store, paced.digest) == LONG
        assert len(asked(registry)) <= 4  # the one that was tried, and the first one again behind it
