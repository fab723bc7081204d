"""Images that are kept ready: brought at the times that the operator has set, one after another, in nobody's way.

What is left of an upstream's pull limit is for clients first: while no more than the reserve is left, or the upstream
is in trouble, an image waits, and is tried again until its next time has come. Knows neither HTTP nor a crontab.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from mirror.config.images import Kept
from mirror.errors import Malformed, MirrorError, Refused
from mirror.jobs.job import State
from mirror.jobs.jobs import Jobs
from mirror.jobs.lists import LARGEST, Entry, parse_list
from mirror.jobs.order import Order
from mirror.jobs.sources import is_spared
from mirror.oci.image_name import ImageName
from mirror.oci.platform_choice import parse_platform
from mirror.pull.upstreams import Asked, Upstream, Upstreams

_LONGEST_SLEEP = 3600.0  # seconds: a clock that is set is noticed within an hour
_PUT_OFF = 300.0  # seconds after which what had to wait is tried again
_SET_BACK = timedelta(hours=3)  # more than a clock goes back when summer ends, which must not bring anything twice

_log = logging.getLogger(__name__)


def local_now() -> datetime:
    """The time that schedules are meant in."""
    return datetime.now()


@dataclass(frozen=True, slots=True)
class World:
    """`now` is the local time, `sleep` waits for so many seconds."""

    now: Callable[[], datetime] = local_now
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(slots=True)
class _Due:
    """An entry of the configuration, and when it is looked after next."""

    kept: Kept
    at: datetime
    waiting: list[Order] = field(default_factory=list)  # what has been put off


class Warming:
    """Of one process: `run` is its task's. The images are `kept` as the operator has written them."""

    def __init__(self, jobs: Jobs, upstreams: Upstreams, kept: Sequence[Kept], world: World | None = None) -> None:
        self._jobs = jobs
        self._upstreams = upstreams
        self._kept = tuple(kept)
        self._world = world or World()

    async def run(self) -> None:
        """Look after them until cancelled."""
        seen = self._world.now()
        dues = [_Due(kept, seen) for kept in self._kept]  # at the start, too
        while dues:
            if (now := self._world.now()) < seen - _SET_BACK:
                _begin_again(dues, now)
            seen = now
            for due in dues:
                if due.at <= self._world.now():
                    await self._look_after(due)
                elif due.waiting:
                    due.waiting = [order for order in due.waiting if not await self._brought(order)]
            now = self._world.now()
            seconds = min((due.at - now).total_seconds() for due in dues)
            longest = _PUT_OFF if any(due.waiting for due in dues) else _LONGEST_SLEEP
            await self._world.sleep(min(max(seconds, 1.0), longest))

    async def orders(self) -> list[Order]:
        """All that is to be kept ready. What cannot be read is left out, and the log says why."""
        return [order for kept in self._kept for order in await _orders(kept)]

    async def _look_after(self, due: _Due) -> None:
        due.at = due.kept.schedule.after(self._world.now())
        due.waiting = [order for order in await _orders(due.kept) if not await self._brought(order)]

    async def _brought(self, order: Order) -> bool:
        """Pull it, to the end; False when it has to wait."""
        try:
            image = order.image
            upstream = self._upstreams.target(Asked(None, None, image.registry, image.repository)).upstream
            if _spares(upstream):
                return False
            job, _ = self._jobs.refresh(order)
        except Refused as error:
            if error.retry_after is not None:
                return False
            _log.warning("%s is not kept ready: %s", order.image, error)
            return True
        except MirrorError as error:
            _log.warning("%s is not kept ready: %s", order.image, error)
            return True
        await self._jobs.wait(job)
        return job.state is not State.FAILED or not _spares(upstream)


def _begin_again(dues: Sequence[_Due], now: datetime) -> None:
    """The clock was wrong, and with it when they are due: perhaps in a year."""
    for due in dues:
        due.at = min(due.at, due.kept.schedule.after(now))


def _spares(upstream: Upstream) -> bool:
    """Whether what is left is for clients."""
    return upstream.registry.is_resting or is_spared(upstream)


async def _orders(kept: Kept) -> list[Order]:
    platforms = tuple(map(parse_platform, kept.platforms))
    try:
        if kept.file is None:
            entries: Sequence[Entry] = [Entry(ImageName.parse(kept.image or ""))]
        else:
            entries = parse_list(await asyncio.to_thread(_text, kept.file))
    except (OSError, UnicodeDecodeError, Malformed) as error:
        _log.warning("a list of images to be kept ready cannot be used: %s", error)
        return []
    return [Order(entry.image, entry.platforms or platforms) for entry in entries]


def _text(file: Path) -> str:
    with file.open("rb") as stream:
        return stream.read(LARGEST).decode()
