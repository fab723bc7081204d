"""The operator's pulls as a whole: their parts put together, and ended in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from mirror.config.images import Kept
from mirror.jobs.jobs import Jobs, Means
from mirror.jobs.warming import Warming, World
from mirror.tasks import end, spawn

_log = logging.getLogger(__name__)


class Orders:
    """Made within a running event loop, and closed by `aclose`, before what `means` are made of."""

    def __init__(self, means: Means, kept: Sequence[Kept], world: World | None = None) -> None:
        """`kept`: the images that are to be kept ready."""
        self.jobs = Jobs(means)
        self.warming = Warming(self.jobs, means.pulls.upstreams, kept, world)
        self._task: asyncio.Task[None] | None = None

    def keep_ready(self) -> None:
        """Begin to look after the images: one of all processes does."""
        self._task = spawn(self.warming.run(), "warming")
        self._task.add_done_callback(_tell_of_a_fault)

    async def aclose(self) -> None:
        if self._task is not None:
            await end(self._task)
        await self.jobs.aclose()


def _tell_of_a_fault(warming: asyncio.Task[None]) -> None:
    if not warming.cancelled() and (fault := warming.exception()) is not None:
        _log.error("a fault of the mirror: no image is kept ready any more", exc_info=fault)
