"""A fetch that may use several connections from its first byte on, as if it had been measured before that they help."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from mirror.oci.digest import Digest
from mirror.pull.fetch import Fetch
from mirror.pull.ranges import Ways
from mirror.pull.reader import Reader
from mirror.pull.stretches import Extent
from mirror.pull.turns import Places, Ticket, Turns
from mirror.pull.upstreams import Target
from mirror.pull.width import Widths
from mirror.tasks import end, spawn
from tests.support.faults import Fault, Gate
from tests.support.pulling import Pulling, read
from tests.support.registry import FakeRegistry

PIECE = 64 * 1024
EXTENT = Extent(length=4 * PIECE, window=16 * PIECE)


def places(at_once: int = 16) -> Turns:
    return Turns(Places(at_once), lambda: None)


def place(registry: FakeRegistry) -> str:
    """What is remembered is remembered of this."""
    return f"one: {registry.url.partition('://')[2]}"


def ways(registry: FakeRegistry, width: int = 4, turns: Turns | None = None, stall: float = 5.0) -> Ways:
    """`width` connections have helped lately, unless it is 0; stretches are short."""
    widths = Widths()
    if width:
        widths.remember(place(registry), width)
    return Ways(widths, turns or places(), worth=EXTENT.length, extent=EXTENT, stall=stall)


def first_goes_to_its_edge(registry: FakeRegistry) -> Gate:
    """The next answer ends, as far as anybody can see, where the first stretch begins; each other one is let out."""
    gate = Gate(PIECE)
    gate.release(EXTENT.length // PIECE)
    registry.fail(Fault(gate=gate), "GET", "/blobs/")
    return gate


@dataclass(slots=True)
class Wide:
    """A fetch under way, with one reader."""

    fetch: Fetch
    reader: Reader
    task: asyncio.Task[None]

    async def all(self) -> bytes:
        """Everything, once it is there and the fetch is over. Raises what the fetch ends with."""
        try:
            data = await read(self.reader)
            await asyncio.wait({self.task}, timeout=10)
            return data
        finally:
            self.reader.close()
            await end(self.task)

    async def stop(self) -> None:
        """As when the mirror stops."""
        self.reader.close()
        await end(self.task)


def begun(pull: Pulling, digest: Digest, how: Ways, limit: int = 8) -> Wide:
    target = pull.target()
    target = Target(replace(target.upstream, connections_per_blob=limit), target.repository)
    fetch = Fetch(target, digest, pull.store, resumes=2)
    fetch.ways = how
    return Wide(fetch, Reader(fetch), spawn(_run(fetch), "fetch"))


def waiting(turns: Turns) -> asyncio.Task[bool]:
    """Somebody who waits for a place, or has got one."""
    return spawn(turns.wait(Ticket("somebody")), "waiting")


async def _run(fetch: Fetch) -> None:
    try:
        await fetch.run()
    finally:
        fetch.growth.end()
