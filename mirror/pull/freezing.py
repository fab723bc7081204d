"""Stopping all contact with upstreams and allowing it again, at run time and over restarts.

The gate itself is `upstream.contact`'s and the note `store.freeze`'s; this keeps the two of one mind.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from mirror.siblings import LOST
from mirror.store.freeze import Freeze, checked_reason
from mirror.store.store import Store
from mirror.upstream.contact import Contact

_log = logging.getLogger(__name__)


class Freezing:
    """`now`: the wall clock, in seconds. Calls that change something take turns.

    What one process is told holds for its siblings: they hear `frozen`, with since when and why, or `thawed`.
    """

    def __init__(self, contact: Contact, store: Store, now: Callable[[], float] = time.time) -> None:
        self._contact = contact
        self._store = store
        self._now = now
        self._turn = asyncio.Lock()
        self._current: Freeze | None = None
        self._siblings = store.siblings
        self._siblings.hear("frozen", lambda since, reason: self._hear(Freeze(since, reason)))
        self._siblings.hear("thawed", lambda: self._hear(None))
        self._siblings.hear(LOST, lambda: self._hear(store.freeze_note.read()))

    @property
    def current(self) -> Freeze | None:
        """Since when and why nobody is asked, or None."""
        return self._current

    async def resume(self) -> None:
        """Be frozen if the last run was. To be called before anything is asked."""
        self._current = await self._store.run(self._store.freeze_note.read)
        if self._current is not None:
            self._contact.freeze()
            _log.warning("contact with upstreams is frozen, as it was when the last run ended: `mirror thaw` allows it")

    async def freeze(self, reason: str = "") -> Freeze:
        """Ask nobody from now on. Of several freezes the first tells since when, and the last one why.

        Raises Refused for a `reason` that is none, and StoreFailed when it cannot be written down: then it holds all
        the same, but not beyond the end of this run.
        """
        reason = checked_reason(reason)
        async with self._turn:
            since = self._now() if self._current is None else self._current.since
            freeze = Freeze(since, reason)
            self._spread(freeze)
            _log.warning("contact with upstreams is frozen by the operator%s", f": {reason}" if reason else "")
            try:
                await self._store.run(self._store.freeze_note.write, freeze)
            finally:
                self._spread(freeze)  # once more: who has heard `LOST` meanwhile has read what was there before
            return freeze

    async def thaw(self) -> None:
        """Ask again. Raises StoreFailed when what was written down cannot be taken back: then it stays frozen."""
        async with self._turn:
            await self._store.run(self._store.freeze_note.remove)
            if self._current is not None:
                _log.warning("contact with upstreams is allowed again by the operator")
            self._current = None
            self._contact.thaw()
            self._siblings.tell("thawed")

    def _spread(self, freeze: Freeze) -> None:
        self._hear(freeze)
        self._siblings.tell("frozen", freeze.since, freeze.reason)

    def _hear(self, freeze: Freeze | None) -> None:
        """Be as a sibling is, which has written it down."""
        self._current = freeze
        if freeze is None:
            self._contact.thaw()
        else:
            self._contact.freeze()
