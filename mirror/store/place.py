"""Notices that the cache directory is no longer where it was (removed, replaced, unmounted), and takes the one that is.

The same where its disk could not be used at the start, and can now.

Until then nothing is kept, and what is asked for passes through. What has been opened stays readable.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from mirror.errors import StoreError
from mirror.store import opening
from mirror.store.databases import LOSSES, Databases
from mirror.store.layout import Layout
from mirror.store.leases import Leases

_EVERY = 1.0  # seconds between two looks, which are a dozen of stats
_SELDOM = 2.0  # seconds between two tries to use a disk that could not be used
_LONGEST = 30.0  # seconds, however long a look took
_PART = 10  # and as many times what the last one took: it reads the databases
_BACK = "the disk can be used again, and the cache directory has been taken up"
_OTHER = "the cache directory was removed or replaced; the one that is there now has been taken"

_log = logging.getLogger(__name__)


class Place:
    """The directory by its name. Ends nothing, and closes nothing."""

    def __init__(self, layout: Layout, databases: Databases, leases: Leases, durable: bool) -> None:
        self._layout = layout
        self._databases = databases
        self._leases = leases
        self._durable = durable
        self._said = {layout.trouble}  # why it could not be taken, as far as the log has it
        self._owed = False  # another one is there, and has not been taken wholly

    async def watch(self, renewed: Callable[[], Awaitable[None]]) -> None:
        """Look again and again, until cancelled; `renewed` is awaited when another directory was taken."""
        pause = _EVERY
        while True:
            await asyncio.sleep(pause)
            begun = time.monotonic()
            taken = await self.look()
            took = time.monotonic() - begun
            pause = min(max(_SELDOM, _PART * took), _LONGEST) if self._layout.trouble else _EVERY
            if taken:
                await renewed()

    async def look(self) -> bool:
        """Whether another directory was there, and has been taken. When cancelled, it may be taken in part."""
        try:
            if not self._owed and await asyncio.to_thread(self._layout.is_in_place):
                return False
        except OSError:
            return False  # what cannot be looked at may well be there
        self._owed = True
        was_refused = bool(self._layout.trouble)
        try:
            await asyncio.to_thread(self._layout.renew)
            self._leases.renew(self._layout)
            await self._databases.renew(self._layout)
            await opening.begin(self._layout, self._databases, self._durable)
        except (StoreError, *LOSSES) as error:
            if str(error) not in self._said:
                self._said.add(str(error))
                _log.error(
                    "the cache directory is gone, or cannot be used; nothing is kept until it is back: %s", error
                )
            return False
        self._said.clear()
        self._owed = False
        _log.warning(_BACK if was_refused else _OTHER)
        return True
