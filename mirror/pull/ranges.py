"""A blob over several connections, as far as that helps: it is tried when one blob takes long, and remembered.

The first connection goes up to where the others began; from there on each byte is appended in its turn. The blob on
disk stays contiguous, so readers, resuming and verifying know nothing of this, and no byte is asked for twice.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from mirror.errors import MirrorError, Nonsense, StoreFailed
from mirror.oci.digest import Digest
from mirror.pull.ahead import Ahead
from mirror.pull.lanes import Heard, Lanes
from mirror.pull.pieces import next_piece
from mirror.pull.sink import Sink
from mirror.pull.stretches import EXTENT, Extent
from mirror.pull.turns import Turns
from mirror.pull.upstreams import Target
from mirror.pull.width import Reading, Widening, Widths
from mirror.store.store import Store
from mirror.upstream.blob_body import BlobBody

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ways:
    """What fetches share that may be wide: what helped lately, and the places of their upstream.

    `worth`: bytes yet to come, below which one connection is enough: of most layers there is one request, whatever the
    machine and the wire are like. `stall`: seconds of silence, while others move, after which another connection brings
    the rest. `clock` is monotonic.
    """

    widths: Widths
    turns: Turns
    worth: int = 384 * 1024 * 1024
    extent: Extent = EXTENT
    stall: float = 5.0
    clock: Callable[[], float] = time.monotonic


class Ranges:
    """Made for one fetch, which tells it what its first connection does, and closes it before the sink."""

    def __init__(self, target: Target, digest: Digest, store: Store, sink: Sink, ways: Ways) -> None:
        self._target = target
        self._digest = digest
        self._sink = sink
        self._ways = ways
        self._ahead = Ahead(sink, store, ways.extent)
        self._lanes = Lanes(target, digest, self._ahead, ways.turns, Heard(self._count, self._failed))
        self._widening: Widening | None = None
        self._place = ""
        self._received = 0
        self._waited = 0.0
        self._first = True  # the first connection is at work

    async def take_up(self) -> None:
        """Find what an earlier try has left beyond the blob's contiguous part."""
        await self._ahead.take_up()

    @property
    def edge(self) -> int | None:
        """How far the first connection has to go; None for as far as it can."""
        return self._ahead.edge

    def begin(self, body: BlobBody) -> None:
        """The first connection brings the blob, in this body."""
        self._first = True
        limit, total = self._target.upstream.connections_per_blob, self._sink.total
        if limit == 1 or total is None or self._ahead.missing < self._ways.worth:
            return
        if self._widening is None:
            self._place, self._lanes.total = body.place, total
            self._widening = Widening(limit, self._reading(), self._ways.widths.recall(self._place))
        self._staff()

    async def piece(self, body: BlobBody) -> bytes:
        """As `next_piece`, of the first connection: how long that takes tells whether the wire is what is slow."""
        clock, held = self._ways.clock, body.held
        began = clock()
        piece = await next_piece(body)
        self._waited += clock() - began - (body.held - held)
        self._count(len(piece))
        self._ahead.tell()  # the blob is about to grow, and with it the window
        return piece

    async def advance(self) -> None:
        """Append what lies where the blob ends, and what comes there, until nobody brings the next byte.

        Raises StoreFailed as the sink.
        """
        self._first = False
        self._staff()
        while self._sink.total is None or self._sink.offset < self._sink.total:
            await self._ahead.tidy()
            piece = await self._piece()
            if piece:
                await self._sink.append(piece)
                self._ahead.tell()
            elif not await self._is_coming():
                break
        await self._ahead.tidy()

    async def forget(self) -> None:
        """Nothing of what lies ahead is of this blob. Only before anything was asked for."""
        await self._ahead.forget()

    async def aclose(self) -> None:
        """End the connections; what they have brought stays for the next try. When cancelled it is done, then is."""
        try:
            await self._lanes.aclose()
        finally:
            self._ahead.close()

    async def _piece(self) -> bytes:
        """What lies where the blob ends; b"" when there is nothing, or it cannot be read: then all is given up."""
        try:
            return await self._ahead.piece()
        except StoreFailed as error:
            _log.warning("what lay ahead of a blob is fetched again: %s", error)
        self._stay(1)
        await self._lanes.aclose()
        await self._ahead.forget()
        return b""

    async def _is_coming(self) -> bool:
        """Wait for the next byte, or for anything that may be a reason not to; False when nobody brings it."""
        if not self._lanes:
            return False
        stretch = self._ahead.current
        try:
            async with asyncio.timeout(self._ways.stall):
                await self._ahead.news()
        except TimeoutError:
            if stretch is not None:
                await self._lanes.replace_silent(stretch, self._ways.stall)
                self._staff()
        return True

    def _staff(self) -> None:
        """Have as many connections as are wanted; the first one, when it has reached its end, is one of them."""
        width = 1 if self._widening is None else self._widening.width
        self._lanes.wanted = 0 if width == 1 else width - self._first
        if len(self._lanes) >= self._lanes.wanted:
            return None
        if self._target.upstream.registry.is_resting:
            return self._stay(1)
        self._ahead.begin(self._ways.extent.length if self._first else 0)
        self._lanes.staff()
        if len(self._lanes) < self._lanes.wanted:
            self._stay(len(self._lanes) + self._first)
        return None

    def _stay(self, width: int) -> None:
        if self._widening is not None:
            self._widening.stay(max(width, 1))
        self._lanes.wanted = 0 if width <= 1 else min(self._lanes.wanted, width)
        self._ahead.tell()

    def _failed(self, error: MirrorError) -> None:
        _log.info("%s is fetched over one connection from here on: %s", self._digest, error)
        if isinstance(error, Nonsense):
            self._ways.widths.remember(self._place, 1)
        self._stay(1)

    def _count(self, count: int) -> None:
        self._received += count
        widening = self._widening
        if widening is None or widening.settled:
            return
        before = widening.width
        if self._lanes.wanted > len(self._lanes):
            self._stay(len(self._lanes) + self._first)  # places were wanted back, or connections broke
        else:
            widening.look(self._reading(), self._ahead.missing)
        if widening.measured:
            self._ways.widths.remember(self._place, widening.width)
        if widening.width != before:
            _log.info("%s: %d connections at a time to %s", self._digest, widening.width, self._place)
            self._staff()

    def _reading(self) -> Reading:
        return Reading(self._ways.clock(), self._received, self._waited)
