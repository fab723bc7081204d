"""Upstreams that jobs ask with a login that was lent to them: each is closed once nothing is fetched with it any more.

Clients may be reading what it fetches, when the upstream has told the mirror's own account that they may.
"""

from __future__ import annotations

import asyncio

from mirror.pull.fetches import Fetches
from mirror.pull.lending import Lend, Loan
from mirror.pull.upstreams import Upstream
from mirror.tasks import end, spawn


class Loans:
    """Made within a running event loop, and closed by `aclose`, before the fetches are."""

    def __init__(self, lend: Lend, fetches: Fetches) -> None:
        self._lend = lend
        self._fetches = fetches
        self._lent: dict[str, Upstream] = {}  # by the jobs' names
        self._closing: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """How many are not closed yet."""
        return len(self._lent)

    def lend(self, upstream: Upstream, login: Loan, job: str) -> Upstream:
        """The same upstream asked with this login, to be given back. Raises ConfigurationError."""
        lent = self._lent[job] = self._lend(upstream, login, job)
        return lent

    def give_back(self, lent: Upstream) -> None:
        """The job begins nothing more with it. Never waits: its downloads go on, as they do when a client leaves."""
        task = spawn(self._close(lent), "lent-login")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def settled(self) -> None:
        """Wait until all that were given back are closed. May be cancelled."""
        while self._closing:
            await asyncio.wait(set(self._closing))

    async def aclose(self) -> None:
        """Close all of them now."""
        await end(*self._closing)
        while self._lent:
            _, lent = self._lent.popitem()
            await lent.registry.aclose()

    async def _close(self, lent: Upstream) -> None:
        await self._fetches.left(lent)
        await lent.registry.aclose()
        del self._lent[lent.lent_to]  # not before: who is cancelled in between leaves it to `aclose`
