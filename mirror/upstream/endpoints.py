"""The endpoints of one upstream as one that answers: who is asked, for how long, and whose failure is told.

Knows nothing of what is asked.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from typing import TypeVar

from mirror.errors import Absent, Code, Denied, Frozen, Interrupted, Nonsense, Throttled, Unreachable, UpstreamError
from mirror.upstream.endpoint import Endpoint
from mirror.upstream.selection import Selection

T = TypeVar("T")
Attempt = Callable[[Endpoint], Awaitable[T]]
Settled = Callable[[Endpoint, Container[Endpoint]], bool]  # by what this one said, after these have refused

# What another endpoint may do better. That something is absent or denied is an answer, not a failure: the next
# endpoint is a substitute for this one, not a second opinion.
_FAILURES = (Unreachable, Throttled, Nonsense, Interrupted)
_REFUSALS = (Absent, Denied)


class Endpoints:
    """`endpoints` in the operator's order; `patience` (seconds) is what all of them together may take to answer.

    `may_ask_again`: whether who breaks off in the middle of an answer is asked once more.
    """

    def __init__(
        self,
        name: str,
        endpoints: Sequence[Endpoint],
        patience: float,
        clock: Callable[[], float] = time.monotonic,
        may_ask_again: Callable[[], bool] = lambda: True,
    ) -> None:
        self._name = name
        self._patience = patience
        self._may_ask_again = may_ask_again
        self._selection = Selection(endpoints, clock)

    async def first(self, attempt: Attempt[T]) -> T:
        """What `attempt` makes of the first endpoint that gives an answer that can be used.

        That it has nothing for us is an answer only if everybody whom the operator prefers to it says so, too: what a
        substitute lacks may well be there. Without an answer, the failure of the one that is preferred is raised. May
        be cancelled.
        """
        return await self._in_turn(self._selection.order(), attempt, self._last_word)

    async def rest(self, attempt: Attempt[T]) -> T:
        """The same for the rest of what one of them has begun to send: that another one lacks it is no answer."""
        return await self._in_turn(self._selection.order(), attempt, _never)

    async def same(self, endpoint: Endpoint, attempt: Attempt[T]) -> T:
        """What `attempt` makes of this endpoint: the other ones do not know what it said before."""
        return await self._in_turn((endpoint,), attempt, _never)

    def failed(self, endpoint: Endpoint) -> None:
        """This one is asked behind the others for a while."""
        self._selection.failed(endpoint)

    async def _in_turn(self, endpoints: Sequence[Endpoint], attempt: Attempt[T], settled: Settled) -> T:
        failures: dict[Endpoint, UpstreamError] = {}
        refusals: dict[Endpoint, UpstreamError] = {}
        at = endpoints[0]
        try:
            async with asyncio.timeout(self._patience):
                for at in endpoints:
                    try:
                        taken = await self._asked(at, attempt)
                    except _FAILURES as error:
                        if not _is_ours(error):
                            self._selection.failed(at)
                        failures[at] = error
                    except _REFUSALS as error:
                        self._selection.worked(at)
                        refusals[at] = error
                        if settled(at, refusals):
                            raise
                    else:
                        self._selection.worked(at)
                        return taken
        except TimeoutError:
            self._selection.failed(at)
            limit = f"{self._patience:g} s"
            failures[at] = Unreachable(f"{self._name}: no answer to be used within {limit}", code=Code.TIMEOUT)
        raise self._told(failures or refusals)

    async def _asked(self, endpoint: Endpoint, attempt: Attempt[T]) -> T:
        """What `attempt` makes of this one, asked once more if it breaks off in the middle of an answer.

        So is who ends a connection before an answer (`Connections.dial`). Nobody is waited for twice, though.
        """
        try:
            return await attempt(endpoint)
        except Interrupted as error:
            if error.silent or not self._may_ask_again():
                raise
        return await attempt(endpoint)

    def _told(self, failures: Mapping[Endpoint, UpstreamError]) -> UpstreamError:
        """That of the preferred one, and when one of them can be asked again if each has said it."""
        told = next(failures[endpoint] for endpoint in self._selection.preferred if endpoint in failures)
        waits = [error.retry_after for error in failures.values() if error.retry_after is not None]
        if len(waits) == len(failures):
            told.retry_after = min(waits)
        return told

    def _last_word(self, at: Endpoint, refusals: Container[Endpoint]) -> bool:
        """Whether this endpoint, and everyone that is preferred to it, has refused."""
        preferred = self._selection.preferred
        return all(endpoint in refusals for endpoint in preferred[: preferred.index(at)])


def _never(_at: Endpoint, _refusals: Container[Endpoint]) -> bool:
    return False


def _is_ours(error: UpstreamError) -> bool:
    """Whether it is we who did not ask: it says nothing of the endpoint."""
    return isinstance(error, Frozen) or error.code is Code.BUSY
