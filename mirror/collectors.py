"""Figures that the library cannot count by itself: on the hot path, kept by others, of upstreams that come and go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class Tally(Collector):
    """Answered requests, counted with one dictionary access each, because that stands on the hot path.

    `label`: what an upstream is called here, where clients have a say in its name.
    """

    def __init__(self) -> None:
        self.label: Callable[[str], str] = str
        self._counts: dict[tuple[str, str, str], list[int]] = {}

    def add(self, upstream: str, kind: str, result: str, sent: int) -> None:
        """One answer of `sent` bytes of body."""
        count = self._counts.get((upstream, kind, result))
        if count is None:
            count = self._counts.setdefault((self.label(upstream), kind, result), [0, 0])
        count[0] += 1
        count[1] += sent

    @property
    def total(self) -> int:
        """How many answers."""
        return sum([number for number, _ in self._counts.values()])

    def collect(self) -> Iterator[Metric]:
        labels = ("upstream", "kind", "result")
        requests = CounterMetricFamily("mirror_requests", "Requests answered.", labels=labels)
        served = CounterMetricFamily("mirror_served_bytes", "Bytes of bodies sent to clients.", labels=labels)
        for key, (number, sent) in sorted(self._counts.copy().items()):  # the loop goes on counting meanwhile
            requests.add_metric(key, number)
            served.add_metric(key, sent)
        yield requests
        yield served


@dataclass(frozen=True, slots=True)
class UpstreamLevels:
    """How one upstream stands. `breaker`: 0 closed, 1 half-open, 2 open; `limit`, `remaining`: pulls, if told."""

    upstream: str
    breaker: int
    limit: int | None = None
    remaining: int | None = None


class Kept(Collector):
    """A counter that is kept elsewhere."""

    def __init__(self, name: str, text: str, source: Callable[[], float]) -> None:
        self._name, self._text = name, text
        self.source = source

    def collect(self) -> Iterator[Metric]:
        yield CounterMetricFamily(self._name, self._text, value=self.source())


class UpstreamGauges(Collector):
    """Gauges of upstreams, which come and go."""

    def __init__(self, source: Callable[[], Iterable[UpstreamLevels]]) -> None:
        self._source = source

    def collect(self) -> Iterator[Metric]:
        breaker = GaugeMetricFamily(
            "mirror_upstream_breaker", "Whether an upstream is asked: 0 yes, 1 to see, 2 no.", labels=("upstream",)
        )
        limit = GaugeMetricFamily(
            "mirror_upstream_pull_budget_limit", "Pulls that an upstream grants in its window.", labels=("upstream",)
        )
        remaining = GaugeMetricFamily(
            "mirror_upstream_pull_budget_remaining",
            "Pulls that an upstream had left, by its last word.",
            labels=("upstream",),
        )
        breakers: dict[str, int] = {}
        budgets: dict[str, tuple[int, int]] = {}
        for one in self._source():
            breakers[one.upstream] = max(one.breaker, breakers.get(one.upstream, 0))
            if one.limit is not None and one.remaining is not None:
                told = (one.remaining, one.limit)
                budgets[one.upstream] = min(told, budgets.get(one.upstream, told))
        for upstream, state in breakers.items():
            breaker.add_metric((upstream,), state)
        for upstream, (left, granted) in budgets.items():
            limit.add_metric((upstream,), granted)
            remaining.add_metric((upstream,), left)
        yield from (breaker, limit, remaining)
