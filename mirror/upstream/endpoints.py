"""The endpoints of one upstream as one that answers: who is asked, for how long, and whose failure is told.

Knows nothing of what is asked.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from mirror.errors import Code, Interrupted, Nonsense, Throttled, Unreachable, UpstreamError
from mirror.upstream.endpoint import Endpoint
from mirror.upstream.selection import Selection

T = TypeVar("T")
Attempt = Callable[[Endpoint], Awaitable[T]]

# What another endpoint may do better. That something is absent or denied is an answer, not a failure: the next
# endpoint is a substitute for this one, not a second opinion.
_FAILURES = (Unreachable, Throttled, Nonsense, Interrupted)


class Endpoints:
    """`endpoints` in the operator's order; `patience` (seconds) is what all of them together may take to answer."""

    def __init__(
        self, name: str, endpoints: Sequence[Endpoint], patience: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name = name
        self._patience = patience
        self._selection = Selection(endpoints, clock)

    async def first(self, attempt: Attempt[T]) -> T:
        """What `attempt` makes of the first endpoint that gives an answer that can be used.

        When none does, the failure of the one that the operator prefers is raised. May be cancelled.
        """
        return await self._in_turn(self._selection.order(), attempt)

    async def same(self, endpoint: Endpoint, attempt: Attempt[T]) -> T:
        """What `attempt` makes of this endpoint: the other ones do not know what it said before."""
        return await self._in_turn((endpoint,), attempt)

    def failed(self, endpoint: Endpoint) -> None:
        """This one is asked behind the others for a while."""
        self._selection.failed(endpoint)

    async def _in_turn(self, endpoints: Sequence[Endpoint], attempt: Attempt[T]) -> T:
        failures: dict[Endpoint, UpstreamError] = {}
        at = endpoints[0]
        try:
            async with asyncio.timeout(self._patience):
                for at in endpoints:
                    try:
                        taken = await attempt(at)
                    except _FAILURES as error:
                        self._selection.failed(at)
                        failures[at] = error
                    else:
                        self._selection.worked(at)
                        return taken
        except TimeoutError:
            self._selection.failed(at)
            limit = f"{self._patience:g} s"
            failures[at] = Unreachable(f"{self._name}: no answer to be used within {limit}", code=Code.TIMEOUT)
        raise next(failures[endpoint] for endpoint in self._selection.preferred if endpoint in failures)
