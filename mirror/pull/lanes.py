"""Connections that bring a blob's stretches, one after the other: as many as are wanted and have a place.

F7: a connection that breaks off leaves what it has brought, and its stretch is gone on with at that byte by another
one. Knows not whether several connections help.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from mirror.errors import Interrupted, MirrorError, Nonsense, StoreFailed, UpstreamError
from mirror.oci.digest import Digest
from mirror.pull.ahead import Ahead
from mirror.pull.pieces import next_heap
from mirror.pull.stretches import Stretch
from mirror.pull.turns import LARGE, Ticket, Turns
from mirror.pull.upstreams import Target
from mirror.tasks import outlast, spawn

_TRIES = 2  # in a row that bring nothing, after which a connection is given up

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Lane:
    """`moved`: when it last brought something, or had nothing to bring."""

    ticket: Ticket
    moved: float
    task: asyncio.Task[None] | None = None
    stretch: Stretch | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """Who is told: `brought` so many bytes; `failed` in a way that speaks against more than one connection."""

    brought: Callable[[int], None]
    failed: Callable[[MirrorError], None]


class Lanes:
    """`wanted` is how many there are to be: `staff` begins what lacks, those that are too many end by themselves.

    `total` is the blob's size. Closed by `aclose`.
    """

    def __init__(self, target: Target, digest: Digest, ahead: Ahead, turns: Turns, heard: Heard) -> None:
        self.wanted = 0
        self.total: int | None = None
        self._target = target
        self._digest = digest
        self._ahead = ahead
        self._turns = turns
        self._heard = heard
        self._lanes: set[_Lane] = set()

    def __len__(self) -> int:
        return len(self._lanes)

    def staff(self) -> None:
        """Begin as many as are wanted and have a free place at this moment."""
        while len(self._lanes) < self.wanted:
            lane = _Lane(Ticket(size=LARGE), time.monotonic())
            if not self._turns.lend(lane.ticket):
                return
            self._lanes.add(lane)
            lane.task = spawn(self._run(lane), f"range:{self._digest}")
            lane.task.add_done_callback(partial(self._over, lane))

    async def replace_silent(self, stretch: Stretch, patience: float) -> None:
        """End the connection of this stretch if it has been silent for so many seconds while another one was not."""
        silent = next((lane for lane in self._lanes if lane.stretch is stretch), None)
        if silent is None or silent.task is None or time.monotonic() - silent.moved < patience:
            return
        if any(lane.moved > silent.moved for lane in self._lanes):
            _log.info("%s: one of several connections is silent, another one takes its place", self._digest)
            silent.task.cancel()
            await outlast(asyncio.gather(silent.task, return_exceptions=True))

    async def aclose(self) -> None:
        """End all of them; what they have brought stays. When cancelled it is done all the same."""
        self.wanted = 0
        tasks = [lane.task for lane in self._lanes if lane.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await outlast(asyncio.gather(*tasks, return_exceptions=True))

    def _over(self, lane: _Lane, _: asyncio.Task[None]) -> None:
        self._lanes.discard(lane)
        self._turns.leave(lane.ticket)
        self._ahead.tell()

    async def _run(self, lane: _Lane) -> None:
        """Bring one stretch after the other, until there is none, no place any more, or no luck."""
        barren = 0
        try:
            while barren < _TRIES and (stretch := await self._next(lane)) is not None:
                before = stretch.end
                try:
                    await self._bring(lane, stretch)
                except Interrupted as error:
                    _log.info("%s broke off at byte %d: %s", self._digest, stretch.end, error)
                finally:
                    lane.stretch = None
                    self._ahead.leave(stretch)
                barren = 0 if stretch.end > before else barren + 1
        except (UpstreamError, StoreFailed) as error:
            self._heard.failed(error)

    async def _next(self, lane: _Lane) -> Stretch | None:
        """The next stretch for this connection; None when it is not to go on."""
        while len(self._lanes) <= self.wanted and not self._turns.is_waited_for:
            stretch = self._ahead.next()
            if stretch is not None:
                lane.stretch, lane.moved = stretch, time.monotonic()
                return stretch
            if not self._ahead.missing:
                break
            await self._ahead.news()  # bounded by those who bring what lies nearer
        return None

    async def _bring(self, lane: _Lane, stretch: Stretch) -> None:
        """What one connection brings of it. Raises UpstreamError, StoreFailed."""
        target, start = self._target, stretch.end
        async with target.upstream.registry.blob(target.repository, self._digest, start, stretch.stop) as body:
            if body.offset != start or body.total != self.total:
                raise Nonsense("the upstream does not send the parts of this blob that it is asked for")
            while piece := await next_heap(body):
                await self._ahead.store(stretch, piece)
                lane.moved = time.monotonic()
                self._heard.brought(len(piece))
        if stretch.end < stretch.stop:
            raise Interrupted("the upstream's part ended early")
