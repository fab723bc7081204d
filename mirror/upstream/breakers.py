"""The breakers of one upstream: one for each host that it leads to, and another one for the pulls that a host counts.

A host that is down is left alone whoever led to it: the endpoint, the realm of its tokens, the storage of its blobs.
Docker Hub counts GETs of manifests and refuses these when the budget is spent, while HEADs and blobs stay free.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from yarl import URL

from mirror.errors import Throttled, Unreachable, UpstreamError
from mirror.upstream import origins
from mirror.upstream.breaker import PROBING, Breaker, State, Trouble, Why
from mirror.upstream.concord import Backoff
from mirror.upstream.failures import wait_of
from mirror.upstream.report import Request

_NEXT = "; next try in "
_STRANGERS = 256  # hosts that answers named, of which so many are remembered

Shut = Callable[[Backoff], None]


@dataclass(frozen=True, slots=True)
class Health:
    """How an endpoint stands: `place` is its host, `probe_in` the seconds until something is asked there again.

    `throttled_for`: the seconds for which it limits our requests, or at least those that a pull limit counts.
    """

    place: str
    state: State
    probe_in: float
    throttled_for: float = 0.0


@dataclass(frozen=True, slots=True)
class _Host:
    upstream: str
    place: str
    every: Breaker
    pulls: Breaker

    def concerned(self, request: Request) -> Sequence[Breaker]:
        return (self.every, self.pulls) if request.counted else (self.every,)

    def throttling(self) -> Why:
        return Why(f"{self.upstream}: {self.place} limits our requests", throttled=True)

    def ailing(self, status: int) -> Why:
        return Why(f"{self.upstream}: {self.place} answered {status}")


class Passage:
    """One request on its way. Left without a word of how it went, it changes nothing. `shut` hears of back-offs."""

    def __init__(self, host: _Host, request: Request, shut: Shut) -> None:
        self._host = host
        self._shut = shut
        self._open = {breaker: breaker.claim() for breaker in host.concerned(request)}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        while self._open:
            breaker, probe = self._open.popitem()
            breaker.left(probe)

    def answered(self, status: int, retry_after: str | None, counts_pulls: bool) -> None:
        """There is an answer with this status and `Retry-After`; `counts_pulls`: the host has told of a pull budget.

        One that counts them means only those when it refuses one.
        """
        every, pulls = self._host.every, self._host.pulls
        if status == 429:
            refused = pulls if counts_pulls and pulls in self._open else every
            self._back_off(refused, wait_of(retry_after), self._host.throttling())
            if refused is every:
                return
        elif status >= 500 and status != 501:
            if retry_after is None:
                every.failed(Trouble.ILL, self._host.ailing(status), self._open.pop(every))
            else:
                self._back_off(every, wait_of(retry_after), self._host.ailing(status))
            return
        while self._open:
            breaker, probe = self._open.popitem()
            breaker.worked(probe)

    def failed(self, trouble: Trouble | None, error: UpstreamError) -> None:
        """There is no answer but this error. None: that says nothing of the host."""
        if trouble is not None:
            every = self._host.every
            every.failed(trouble, Why(str(error)), self._open.pop(every))

    def _back_off(self, breaker: Breaker, seconds: float, why: Why) -> None:
        breaker.shut(seconds, why, self._open.pop(breaker))
        self._shut(Backoff(self._host.place, breaker is self._host.pulls, seconds, why))


class Breakers:
    """`own` are the upstream's endpoints; `clock` and `jitter` are those of every breaker.

    `on_shut` hears for how long a host wants to be left alone; `hear` is told what it said to other processes.
    """

    def __init__(
        self, upstream: str, own: Iterable[URL], clock: Callable[[], float], jitter: Callable[[], float]
    ) -> None:
        self._upstream = upstream
        self._clock = clock
        self._jitter = jitter
        self._own = {place: self._made(place) for place in map(origins.place, own)}
        self._strangers: dict[str, _Host] = {}
        self.on_shut: Shut = _unheard

    def check(self, request: Request) -> None:
        """Raises Throttled or Unreachable, with the time to wait, when this must not be asked now."""
        host = self._host(request.url)
        waits = [(breaker.wait, breaker) for breaker in host.concerned(request)]
        wait, breaker = max(waits, key=lambda one: one[0])
        if wait > 0:
            raise _refusal(breaker.why, math.ceil(wait))

    def passage(self, request: Request) -> Passage:
        """Let this request go, `with` which its fate is told. Raises like `check`."""
        self.check(request)
        return Passage(self._host(request.url), request, self.on_shut)

    def shut(self, url: URL, error: UpstreamError) -> None:
        """Nothing is asked there for as long as the error says: it would lead to somebody who is to be left alone.

        But not for the moment that a probe takes.
        """
        seconds = error.retry_after or 0
        if seconds <= PROBING:
            return  # whoever probes will have to ask here next
        said, _, _ = str(error).partition(_NEXT)
        self._host(url).every.shut(seconds, Why(said, isinstance(error, Throttled)), False)

    def hear(self, backoff: Backoff) -> None:
        """A host has told another process of ours to leave it alone."""
        host = self._at(backoff.place)
        breaker = host.pulls if backoff.counted else host.every
        breaker.shut(backoff.seconds, backoff.why, False)

    def health(self, url: URL) -> Health:
        """How the host of this address stands."""
        host = self._host(url)
        throttled = max((breaker.wait for breaker in (host.every, host.pulls) if breaker.why.throttled), default=0.0)
        return Health(host.place, host.every.state, host.every.wait, throttled)

    def _host(self, url: URL) -> _Host:
        return self._at(origins.place(url))

    def _at(self, place: str) -> _Host:
        host = self._own.get(place) or self._strangers.get(place)
        if host is None:
            while len(self._strangers) >= _STRANGERS:
                del self._strangers[next(iter(self._strangers))]
            host = self._strangers[place] = self._made(place)
        return host

    def _made(self, place: str) -> _Host:
        return _Host(self._upstream, place, Breaker(self._clock, self._jitter), Breaker(self._clock, self._jitter))


def _unheard(_: Backoff) -> None:
    """Nobody wants to know."""


def _refusal(why: Why, wait: int) -> UpstreamError:
    kind = Throttled if why.throttled else Unreachable
    return kind(f"{why.said}{_NEXT}{wait} s", retry_after=wait)
