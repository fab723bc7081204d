"""What goes on behind the requests' backs, round after round: the bounds are kept, leftovers are cleared away.

Nothing that fails here ends it: the next round tries again. What there has to be room for is `housekeeping`'s to know.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial

from mirror.store.catalog import Catalog
from mirror.store.databases import LOSSES, Databases
from mirror.store.gathering import gather
from mirror.store.housekeeping import Housekeeping
from mirror.store.index import Index
from mirror.store.layout import Layout
from mirror.store.leftovers import clear_ingests
from mirror.store.quarantine import Quarantine
from mirror.store.recovery import reconcile
from mirror.store.set_back import brought_back, is_behind

_ROUND = 5.0  # seconds between two looks at the bounds
_CLEARING = 120  # rounds between two clearings
_SETTLING = 120  # rounds in a row in which the clock is behind, before that is taken for the time
_NOTING = 1.0  # seconds between two notes of what was used, where another process looks at the bounds
_MEASURING = 60  # such notes between two measurings

_log = logging.getLogger(__name__)

Pause = Callable[[float], Awaitable[None]]


class Rounds:
    """Of several processes that share a cache one keeps house, and the others only tell it what was used."""

    def __init__(
        self,
        layout: Layout,
        databases: Databases,
        quarantine: Quarantine,
        house: Housekeeping,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._layout = layout
        self._databases = databases
        self._quarantine = quarantine
        self._house = house
        self._now = now
        self._behind = 0  # rounds in a row in which something was used in the future
        self._cleared = 0  # of the files ever quarantined, how many there were when they were last cleared

    async def run(self, pause: Pause) -> None:
        """What falls to this process, until cancelled. `pause` waits so many seconds."""
        if self._layout.tenancy.number == 0:
            await self._keep(pause)
        else:
            await self._keep_notes(pause)

    async def reconcile(self) -> None:
        """Bring the index in line with the files, and gather what images they are.

        May be cancelled, and then leaves off in the middle.
        """
        try:
            for bringing in (reconcile, gather):
                steps = await self._databases.on_thread(partial(_begun, bringing, self._layout))
                while await self._databases.on_thread(lambda *_, steps=steps: next(steps, None)) is not None:
                    pass
            await self._house.measure()
        except LOSSES as error:
            _log.warning("the index could not be brought in line with the files: %s", error)

    async def clear(self) -> None:
        """Remove what has run out, and what nobody will come back for. May be cancelled."""
        self._databases.write_catalog.submit(Catalog.expire)
        try:
            await self._databases.on_thread(lambda *_: clear_ingests(self._layout, time.time()))
        except LOSSES as error:
            _log.warning("leftovers could not be cleared away: %s", error)
        await self._measure()
        await self._clear_quarantine()

    async def _keep(self, pause: Pause) -> None:
        await self.reconcile()
        for number in itertools.count():
            if number % _CLEARING == 0:
                await self.clear()
            elif self._quarantine.taken != self._cleared:
                await self._clear_quarantine()
            await self._bring_back()
            await self._house.evict()
            await pause(_ROUND)
            self._house.note_uses()

    async def _keep_notes(self, pause: Pause) -> None:
        for number in itertools.count(1):
            await pause(_NOTING)
            self._house.note_uses()
            if number % _MEASURING == 0:
                await self._measure()

    async def _clear_quarantine(self) -> None:
        self._cleared = self._quarantine.taken
        try:
            await self._databases.on_thread(lambda *_: self._quarantine.clear(time.time()))
        except LOSSES as error:
            _log.warning("the quarantine could not be cleared: %s", error)

    async def _bring_back(self) -> None:
        """Before it is chosen what goes: see that nothing was used in the future.

        A machine without a battery for its clock begins in 1970 until it has asked somebody: every pull would be one
        of 1970 for ever. So it is believed only after a while, or once there is no room left and something has to go.
        """
        now = self._now()
        try:
            is_late = await self._databases.on_thread(lambda index, _: is_behind(index, now))
            self._behind = self._behind + 1 if is_late else 0
            if self._behind < _SETTLING and self._house.room:
                return
            steps = await self._databases.on_thread(lambda index, _: brought_back(index, now))
            while await self._databases.on_thread(lambda *_: next(steps, None)) is not None:
                pass
        except LOSSES as error:
            _log.warning("uses of the future could not be brought back: %s", error)

    async def _measure(self) -> None:
        try:
            await self._house.measure()
        except LOSSES as error:
            _log.warning("the cache could not be measured: %s", error)


def _begun(
    bringing: Callable[[Layout, Index], Iterator[int]], layout: Layout, index: Index, _: Catalog
) -> Iterator[int]:
    return bringing(layout, index)


def tell_of_a_fault(keeping: asyncio.Task[None]) -> None:
    """Say that housekeeping has ended by a fault of ours, which nobody waits for."""
    if not keeping.cancelled() and (fault := keeping.exception()) is not None:
        _log.error("housekeeping has ended: the cache will outgrow its bounds", exc_info=fault)
