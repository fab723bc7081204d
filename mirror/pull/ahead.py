"""What is here of a blob beyond its contiguous part: on disk beside it, until it is appended. Opens no connection."""

from __future__ import annotations

import asyncio
import logging

from mirror.errors import StoreFailed
from mirror.pull.sink import Sink
from mirror.pull.stretches import Extent, Stretch, Stretches
from mirror.store.runs import Runs
from mirror.store.store import Store

_PIECE = 1024 * 1024  # bytes appended at once

_log = logging.getLogger(__name__)


class Ahead:
    """The stretches beyond `sink.offset`. Several may bring them, one appends them; all are woken by `tell`."""

    def __init__(self, sink: Sink, store: Store, extent: Extent) -> None:
        self._sink = sink
        self._store = store
        self._extent = extent
        self._stretches = Stretches(extent)
        self._runs: Runs | None = None
        self._news = asyncio.Event()

    async def take_up(self) -> None:
        """Find what an earlier try has left. What cannot be read is not there."""
        self._runs = self._runs or self._sink.runs()
        if self._runs is None:
            return
        try:
            found = await self._store.run(self._runs.found, self._sink.offset, self._sink.total)
        except StoreFailed as error:
            _log.warning("what lay ahead of a blob is fetched again: %s", error)
            return
        for run in found:
            self._stretches.add(Stretch(run.start, run.end, run))

    def begin(self, distance: int) -> None:
        """Let there be new stretches, from so many bytes behind the end of the blob on, as it is now."""
        self._runs = self._runs or self._sink.runs()
        self._stretches.cursor = self._sink.offset + distance

    @property
    def edge(self) -> int | None:
        """Where the first stretch begins that the blob has not reached; None when there is none."""
        return self._stretches.edge(self._sink.offset)

    @property
    def missing(self) -> int:
        """Bytes that are not here at all."""
        offset = self._sink.offset
        here = sum(one.end - max(one.start, offset) for one in self._stretches.all if one.end > offset)
        return max((self._sink.total or offset) - offset - here, 0)

    @property
    def current(self) -> Stretch | None:
        """The stretch that the blob has reached."""
        return self._stretches.at(self._sink.offset)

    def next(self) -> Stretch | None:
        """The stretch that is most urgent, which is the caller's to bring; None when there is none just now."""
        stretch = self._stretches.unfinished()
        if stretch is not None:
            stretch.taken = True
            return stretch
        return self._stretches.new(self._sink.offset, self._sink.total or 0)

    async def store(self, stretch: Stretch, piece: bytes) -> None:
        """Keep the next bytes of a stretch. Raises StoreFailed."""
        if stretch.run is None:
            if self._runs is None:
                raise StoreFailed("there is no place for parts of a blob that the disk does not take")
            stretch.run = await self._store.run(self._runs.begin, stretch.start)
        await self._store.run(stretch.run.append, piece)
        self.tell()

    def leave(self, stretch: Stretch) -> None:
        """Nobody brings this one any more; somebody else may."""
        stretch.taken = False
        self.tell()

    async def piece(self) -> bytes:
        """Some of what lies where the blob ends; b"" when there is nothing. Raises StoreFailed."""
        stretch = self.current
        if stretch is None or stretch.run is None or stretch.end <= self._sink.offset:
            return b""
        return await self._store.run(stretch.run.read, self._sink.offset, _PIECE)

    async def tidy(self) -> None:
        """Forget what the blob has gone past."""
        await self._remove(self._stretches.passed(self._sink.offset))

    async def forget(self) -> None:
        """Forget everything. Only while nobody brings anything."""
        stretches, self._stretches = self._stretches.all, Stretches(self._extent)
        await self._remove(stretches)

    def tell(self) -> None:
        """Wake whoever waits for news."""
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def news(self) -> None:
        """Wait until somebody brings, appends or leaves something."""
        await self._news.wait()

    def close(self) -> None:
        """Let go of the files, which stay for the next try. Only while nobody brings anything."""
        if self._runs is not None:
            self._runs.close()

    async def _remove(self, stretches: list[Stretch]) -> None:
        for stretch in stretches:
            if self._runs is not None and stretch.run is not None:
                await self._store.run(self._runs.remove, stretch.run)
