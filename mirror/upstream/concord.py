"""What the transports of sibling processes tell one another, so that a registry meets one mirror and not several.

`budget`   upstream, limit, remaining, window, source, when: what an answer told of the pulls that are left;
`backoff`  upstream, host, whether of counted pulls alone, seconds, why, whether it throttles: nothing is asked there.

Times are of the monotonic clock, which is one for all processes of a machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from weakref import WeakValueDictionary

from mirror.siblings import Alone, Siblings
from mirror.upstream.breaker import Why
from mirror.upstream.budget import Budget


@dataclass(frozen=True, slots=True)
class Backoff:
    """A host that is to be left alone for so many seconds; `counted`: only with pulls that it counts."""

    place: str
    counted: bool
    seconds: float
    why: Why


class Concerned(Protocol):
    """One upstream's part in it."""

    def hear_budget(self, budget: Budget) -> None: ...

    def hear_backoff(self, backoff: Backoff) -> None: ...


class Concord:
    """One process's part in it. Upstreams come and go; what is told of one that is not here is nobody's here."""

    def __init__(self, siblings: Siblings) -> None:
        self._siblings = siblings
        self._concerned: WeakValueDictionary[str, Concerned] = WeakValueDictionary()
        siblings.hear("budget", self._hear_budget)
        siblings.hear("backoff", self._hear_backoff)

    @classmethod
    def alone(cls) -> Concord:
        """Nobody hears or tells anything."""
        return cls(Alone())

    def share(self, rate: float | None) -> float | None:
        """This process's part of a rate that is for all of them."""
        return None if rate is None else rate / self._siblings.count

    def join(self, upstream: str, concerned: Concerned) -> None:
        """Let this one hear what is told of its upstream, as long as it lives."""
        self._concerned[upstream] = concerned

    def tell_budget(self, upstream: str, budget: Budget) -> None:
        self._siblings.tell("budget", upstream, budget.limit, budget.remaining, budget.window, budget.source, budget.at)

    def tell_backoff(self, upstream: str, backoff: Backoff) -> None:
        why = backoff.why
        self._siblings.tell(
            "backoff", upstream, backoff.place, backoff.counted, backoff.seconds, why.said, why.throttled
        )

    def _hear_budget(self, upstream: str, limit: int, remaining: int, window: int, *rest: object) -> None:
        source, at = rest
        concerned = self._concerned.get(upstream)
        if concerned is not None and isinstance(at, float):
            concerned.hear_budget(Budget(limit, remaining, window, source if isinstance(source, str) else None, at))

    def _hear_backoff(self, upstream: str, place: str, counted: bool, seconds: float, *why: object) -> None:
        said, throttled = why
        concerned = self._concerned.get(upstream)
        if concerned is not None:
            concerned.hear_backoff(Backoff(place, counted, seconds, Why(str(said), bool(throttled))))
