"""Every request of this ring goes out here, if it may: one after the other's turn, and not to who is to be left alone.

Knows no registry: redirects and challenges are answers like others. What an answer's head says of more requests (429,
`Retry-After`, a pull budget) is heeded here, whatever it answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Self

from mirror.allowance import allowance, turnstile
from mirror.config.settings import Limits, Upstream
from mirror.errors import UpstreamError
from mirror.upstream import budget, contact, failures, origins, pacing
from mirror.upstream.breaker import Trouble
from mirror.upstream.breakers import Breakers, Passage
from mirror.upstream.budget import Budget
from mirror.upstream.concord import Backoff
from mirror.upstream.connections import Connections, Waiting
from mirror.upstream.exchange import BROKEN, Response
from mirror.upstream.report import Exchange, Observe, Report, Request
from mirror.upstream.selection import base_urls
from mirror.upstream.surroundings import Surroundings

_SMALL_ANSWERS = 64  # exchanges beside one for each fetch


def unobserved(exchange: Exchange) -> None:
    """Nobody wants to know."""


class Transport:
    """Made within a running event loop and closed by `aclose`, or used with `async with`.

    `name` is what the upstream is called in messages; `observe` is told of every exchange when it is over. `download`
    is what large bodies keep to, which is up to whoever reads them.
    Raises ConfigurationError when a certificate or proxy that is configured cannot be used.
    """

    def __init__(
        self,
        name: str,
        upstream: Upstream,
        limits: Limits,
        observe: Observe = unobserved,
        surroundings: Surroundings | None = None,
    ) -> None:
        around = surroundings or Surroundings()
        endpoints = base_urls(name, upstream)
        at_once = limits.fetches_per_upstream + _SMALL_ANSWERS
        # The other half of the time is for the answer.
        turns = pacing.Bounds(at_once, around.concord.share(upstream.request_rate), limits.answer_timeout / 2)
        self.name = name
        self.breakers = Breakers(name, endpoints, around.clock, around.jitter)
        self.breakers.on_shut = lambda backoff: around.concord.tell_backoff(name, backoff)
        self.download = turnstile(allowance(upstream.download), around.download)
        self._connections = Connections(name, upstream, limits, around)
        self._pace = pacing.Pace(name, turns, around.clock, around.sleep)
        self._contact = around.contact
        self._clock = around.clock
        self._observe = observe
        self._silence = limits.read_timeout
        self._endpoints = frozenset(map(origins.place, endpoints))
        self._budget: Budget | None = None
        self._concord = around.concord
        self._concord.join(name, self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Ends every connection. Twice is as good as once."""
        await self._connections.aclose()

    @property
    def budget(self) -> Budget | None:
        """What the endpoints' last answer told of a pull budget; None when none did, or too long ago."""
        told = self._budget
        return told if told is not None and told.known(self._clock()) else None

    def hear_budget(self, told: Budget) -> None:
        """A sibling process has been told of a pull budget: the last word counts, whoever has heard it."""
        if self._budget is None or told.at > self._budget.at:
            self._budget = told

    def hear_backoff(self, backoff: Backoff) -> None:
        """A sibling process has been told to ask nothing for a while."""
        self.breakers.hear(backoff)

    @property
    def is_frozen(self) -> bool:
        """Whether the operator allows no contact."""
        return self._contact.frozen

    def check(self, request: Request) -> None:
        """Raises what `exchange` would refuse this with at once: for who would have to do something else before."""
        self._contact.check(self.name)
        self.breakers.check(request)

    async def exchange(self, request: Request) -> Response:
        """The answer, whatever its status is, as soon as its head is there; the caller closes it.

        Raises Unreachable (TIMEOUT when there was no connection or no head in time, BUSY when its turn did not come),
        Throttled and Nonsense. What is not to be asked now, because contact is frozen or a breaker open, is refused at
        once, and not observed: nothing is sent. May be cancelled.
        """
        self.check(request)
        over = await self._pace.turn()
        try:
            with self.breakers.passage(request) as passage:
                return await self._begun(request, passage, over)
        except BaseException:
            over()
            raise

    async def _begun(self, request: Request, passage: Passage, over: Callable[[], None]) -> Response:
        """The answer that has begun. `over` is called when it has ended."""
        waiting = Waiting()
        self._contact.enter(self.name, waiting.cut)
        report = Report(self.name, request, self._observe, over)
        try:
            raw = await self._connections.dial(request, waiting)
        except BROKEN as error:
            raise report.failed(self._explained(error, request, waiting, passage)) from None
        except UpstreamError as error:
            raise report.failed(error) from None
        except asyncio.CancelledError:
            report.end("cancelled")
            raise
        finally:
            self._contact.leave(waiting.cut)
        report.status = raw.status
        if raw.status == 407 and request.url.scheme == "http" and self._connections.proxy(request.url) is not None:
            raw.close()
            refused = failures.refused_by_proxy(self.name, report.place, raw.status)
            passage.failed(Trouble.SILENT, refused)
            raise report.failed(refused)
        response = Response(raw, report, self._silence)
        try:
            self._contact.enter(self.name, response.cut)
        except UpstreamError as error:  # shut since the head came
            raw.close()
            raise report.failed(error) from None
        report.then(lambda: self._contact.leave(response.cut))
        self._heed(response, passage)
        return response

    def _explained(self, error: Exception, request: Request, waiting: Waiting, passage: Passage) -> UpstreamError:
        """Why there is no answer, which the breakers hear too."""
        if waiting.is_cut:
            return contact.refusal(self.name)
        proxy = self._connections.proxy(request.url)
        by = None if proxy is None else proxy.host
        explained = failures.by_exception(self.name, origins.place(request.url), error, by)
        passage.failed(failures.trouble(error, waiting.connected), explained)
        return explained

    def _heed(self, response: Response, passage: Passage) -> None:
        """What an answer's head says of more requests."""
        counts_pulls = False
        if origins.place(response.url) in self._endpoints:
            told = budget.read(response.value, self._clock())
            if told is not None:
                self._budget = told
                self._concord.tell_budget(self.name, told)
            counts_pulls = self.budget is not None
        passage.answered(response.status, response.retry_after, counts_pulls)
