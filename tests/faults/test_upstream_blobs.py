"""What an upstream can do wrong with a blob, and what must hold: no wrong body is completed, and the next is right."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from random import Random

import pytest

from mirror.tasks import spawn
from mirror.upstream.surroundings import Surroundings
from tests.support.checker import Cache, Got, got, until
from tests.support.clock import Ahead
from tests.support.faults import Fault, Never
from tests.support.mirror import MirrorUnderTest
from tests.support.registry import FakeRegistry

DATA = Random(9).randbytes(600_000)
SIZE = len(DATA)
ERROR = 100  # bytes of an error's document
FIRST, MIDDLE, NEARLY, LAST = 0, SIZE // 2, SIZE * 999 // 1000, SIZE - 1
SETTINGS = {
    "limits": {"resumes": 2, "read_timeout": "1s", "first_byte_timeout": "1s"},
    "upstreams": {"docker.io": {"not_found_ttl": "0s"}},
}


class End(Enum):
    """What clients see who ask while the fault is there."""

    HEALED = "the whole blob, as if nothing had been"
    CUT = "an answer that visibly breaks off"
    SAID = "an error, before a byte was promised"


@dataclass(frozen=True, slots=True)
class Cell:
    """Faults in the order in which the upstream's answers meet them, and what comes of that."""

    end: End
    faults: tuple[Fault, ...]
    extra: int = 0  # bytes that the upstream has to send more than once
    setup: Callable[[FakeRegistry], None] = field(default=lambda _: None)


def without_ranges(registry: FakeRegistry) -> None:
    registry.ranges = False


def without_sizes(registry: FakeRegistry) -> None:
    registry.chunked = True


def without_both(registry: FakeRegistry) -> None:
    registry.ranges, registry.chunked = False, True


def by_redirect(registry: FakeRegistry) -> None:
    registry.redirects = True


def at_each(name: str, places: Mapping[str, int], cell: Callable[[int], Cell]) -> dict[str, Cell]:
    return {f"{name} {place}": cell(position) for place, position in places.items()}


POSITIONS = {"first": FIRST, "middle": MIDDLE, "last": LAST}
BREAKS = {"0": 0, "1": 1, "middle": MIDDLE, "99.9 %": NEARLY, "last": LAST}
MISREAD = {
    "416": Fault(status=416),
    "206 without a header": Fault(headers={"Content-Range": None}),
    "another part": Fault(headers={"Content-Range": f"bytes 0-{LAST}/{SIZE}"}),
    "a part of another size": Fault(headers={"Content-Range": f"bytes {MIDDLE}-{LAST}/{SIZE + 1}"}),
    "a part that is none": Fault(headers={"Content-Range": "bytes */*"}),
}
UNWELL = {
    "500": Fault(status=500),
    "502": Fault(status=502),
    "429": Fault(status=429, headers={"Retry-After": "1"}),
    "silence": Fault(hold=Never()),
}

CELLS: dict[str, Cell] = {
    # wrong bytes
    **at_each("flipped bit,", POSITIONS, lambda at: Cell(End.CUT, (Fault(flip_at=at),), SIZE)),
    "another blob of the same size": Cell(End.CUT, (Fault(body=bytes(SIZE)),), SIZE),
    "short": Cell(End.CUT, (Fault(body=DATA[:-1]),), SIZE),
    "long": Cell(End.CUT, (Fault(body=DATA + b"x"),), SIZE + 1),
    "announced one byte shorter": Cell(End.CUT, (Fault(length=SIZE - 1),), SIZE),
    "announced one byte longer, for ever": Cell(End.CUT, (Fault(length=SIZE + 1),) * 9, 9 * (SIZE + 1)),
    "wrong after a break": Cell(End.CUT, (Fault(cut_at=MIDDLE), Fault(flip_at=7)), SIZE),
    # broken off
    **at_each("closed at", BREAKS, lambda at: Cell(End.HEALED, (Fault(cut_at=at),))),
    **at_each("reset at", BREAKS, lambda at: Cell(End.HEALED, (Fault(reset_at=at),), at)),
    "closed at 0, as often as is borne": Cell(End.HEALED, (Fault(cut_at=MIDDLE), *[Fault(cut_at=0)] * 2)),
    "closed at 0, once too often": Cell(End.CUT, (Fault(cut_at=MIDDLE), *[Fault(cut_at=0)] * 3)),
    "closed twenty times, with progress": Cell(End.HEALED, (Fault(cut_at=20_000),) * 20),
    "reset five times, with progress": Cell(End.HEALED, (Fault(reset_at=100_000),) * 5, 500_000),
    **at_each("silent at", BREAKS, lambda at: Cell(End.HEALED, (Fault(stall_at=at, until=Never()),))),
    # ranges
    **at_each("no ranges, closed at", BREAKS, lambda at: Cell(End.HEALED, (Fault(cut_at=at),), at, without_ranges)),
    **{f"resumed: {name}": Cell(End.HEALED, (Fault(cut_at=MIDDLE), fault), SIZE) for name, fault in MISREAD.items()},
    "resumed: 416 for ever": Cell(End.CUT, (Fault(cut_at=MIDDLE), *[Fault(status=416)] * 9)),
    # unwell
    **{f"resumed: {name}": Cell(End.HEALED, (Fault(cut_at=MIDDLE), fault)) for name, fault in UNWELL.items()},
    "at first: no answer": Cell(End.HEALED, (Fault(drop=True),)),  # a connection may always have been closed meanwhile
    "at first: no answer, twice": Cell(End.SAID, (Fault(drop=True),) * 2),
    "resumed: no answer, twice": Cell(End.HEALED, (Fault(cut_at=MIDDLE), *[Fault(drop=True)] * 2)),
    "resumed: 404": Cell(End.CUT, (Fault(cut_at=MIDDLE), Fault(status=404))),
    "resumed: 403": Cell(End.CUT, (Fault(cut_at=MIDDLE), Fault(status=403))),
    # by way of a storage elsewhere
    "redirected and closed": Cell(End.HEALED, (Fault(), Fault(cut_at=MIDDLE)), 0, by_redirect),
    "resumed: 403 of the storage": Cell(
        End.HEALED, (Fault(), Fault(cut_at=MIDDLE), Fault(), Fault(status=403)), MIDDLE, by_redirect
    ),
    # of unknown size
    "no size": Cell(End.HEALED, (), 0, without_sizes),
    **at_each("no size, flipped", POSITIONS, lambda at: Cell(End.CUT, (Fault(flip_at=at),), SIZE, without_sizes)),
    **at_each("no size, closed at", BREAKS, lambda at: Cell(End.HEALED, (Fault(cut_at=at),), 0, without_sizes)),
    "no size, no ranges, closed": Cell(End.HEALED, (Fault(cut_at=MIDDLE),), MIDDLE, without_both),
    "no size, short": Cell(End.CUT, (Fault(body=DATA[:-1]),), SIZE, without_sizes),
    "no size, short, no ranges": Cell(End.CUT, (Fault(body=DATA[:-1]),), SIZE, without_both),
    "no size, long": Cell(End.CUT, (Fault(body=DATA + b"x"),), SIZE + 1, without_sizes),
}


async def clients_of(mirror: MirrorUnderTest, path: str, go: asyncio.Event) -> list[Got]:
    """Two for the whole and one for its end, who all have come before the upstream says a word."""
    asking = [spawn(got(mirror, path), "one"), spawn(got(mirror, path), "two")]
    asking.append(spawn(got(mirror, path, Range="bytes=-1000"), "the end"))
    await until(lambda: mirror.mirror.pulls.fetches.joined == len(asking) - 1)
    go.set()
    return await asyncio.gather(*asking)


def judge(cell: Cell, whole: list[Got], end: Got) -> None:
    """Whether every client saw what it had to see."""
    assert not end.whole or end.body == DATA[-1000:]
    assert end.whole is (cell.end is End.HEALED)
    for answer in whole:
        match cell.end:
            case End.HEALED:
                assert (answer.status, answer.complete) == (200, True)
                assert answer.body == DATA
            case End.CUT:
                assert (answer.status, answer.complete) == (200, False)
            case End.SAID:
                assert answer.status >= 400
                assert answer.complete


async def quiet(cache: Cache) -> None:
    """Nothing is under way any more: no fetch, and no file of a blob open."""
    await until(lambda: not any(task.get_name().startswith("fetch:") for task in asyncio.all_tasks()))
    await until(lambda: cache.open_blobs == [])


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
async def test_no_wrong_body_is_completed_and_the_next_is_right(tmp_path: Path, cell: Cell) -> None:
    go = asyncio.Event()
    async with FakeRegistry() as registry:
        cell.setup(registry)
        digest = registry.push_blob("a/b", DATA)
        for number, fault in enumerate(cell.faults or (Fault(),)):
            registry.fail(fault if number or fault.hold else replace(fault, hold=go), "GET")
        clock = Ahead()
        async with MirrorUnderTest(tmp_path, registry.url, SETTINGS, Surroundings(clock=clock)) as mirror:
            cache, path = Cache.of(mirror), f"/v2/a/b/blobs/{digest}"
            *whole, end = await clients_of(mirror, path, go)
            judge(cell, whole, end)
            assert registry.count("GET") > (cell.end is End.HEALED and bool(cell.faults))  # it has met the fault
            assert cache.wrong == []
            assert cache.parts_are_true(digest, DATA)
            await quiet(cache)
            registry.heal()
            clock.advance(60)  # for which nothing is asked of a registry that is down
            again = await got(mirror, path)
            assert (again.status, again.complete, again.body == DATA) == (200, True, True)
        assert registry.bytes_sent <= SIZE + cell.extra + ERROR * len(cell.faults)
    assert cache.wrong == []
    assert cache.under_way == []
    assert cache.holds(digest)
