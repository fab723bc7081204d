"""Every figure that the mirror publishes, on one screen. The one user of prometheus-client.

Labels are upstreams, kinds and outcomes, all from short lists: no repository, no client, nothing that a stranger names.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

disable_created_metrics()  # type: ignore[no-untyped-call]  # a further series for each, of which nobody makes use

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_STATUSES = frozenset(str(status.value) for status in HTTPStatus)
_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120, 600)


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
class Levels:
    """Where the figures come from that others keep: each is asked when somebody looks."""

    cache_bytes: Callable[[], float]
    cache_limit_bytes: Callable[[], float]
    evicted_bytes: Callable[[], float]
    facts_lost: Callable[[], float]
    scrubbed_bytes: Callable[[], float]
    scrub_total_bytes: Callable[[], float]
    scrub_finished: Callable[[], float]
    fills: Callable[[], float]
    fills_in_flight: Callable[[], float]
    fill_joins: Callable[[], float]
    fills_passed_on: Callable[[], float]
    connections: Callable[[], float]
    connections_refused: Callable[[], float]
    frozen: Callable[[], float]


@dataclass(frozen=True, slots=True)
class UpstreamLevels:
    """How one upstream stands. `breaker`: 0 closed, 1 half-open, 2 open; `limit`, `remaining`: pulls, if told."""

    upstream: str
    breaker: int
    limit: int | None = None
    remaining: int | None = None


class Metrics:
    """The figures of one mirror."""

    def __init__(self, version: str, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        Info("mirror_build", "What is running.", registry=registry).info({"version": version})
        self.requests = Tally()
        registry.register(self.requests)
        self._exchanges = Histogram(
            "mirror_upstream_request_duration_seconds",
            "Requests made to upstreams, until the end of the body.",
            ("upstream", "op", "code"),
            buckets=_SECONDS,
            registry=registry,
        )
        self._upstream_bytes = Counter(
            "mirror_upstream_bytes", "Bytes of bodies received from upstreams.", ("upstream",), registry=registry
        )
        self._last_success = Gauge(
            "mirror_upstream_last_success_timestamp_seconds",
            "When an upstream last gave a usable answer.",
            ("upstream",),
            registry=registry,
        )
        self._integrity = Counter(
            "mirror_integrity_failures",
            "Bytes that were not what their digest says: cached ones (store), and ones received (upstream).",
            ("where",),
            registry=registry,
        )
        for where in ("store", "upstream"):
            self._integrity.labels(where)

    def watch(self, levels: Levels) -> None:
        """Publish figures that others keep."""
        for name, text, source in (
            ("mirror_cache_bytes", "Bytes of content in the cache.", levels.cache_bytes),
            ("mirror_cache_limit_bytes", "Bytes that the cache may hold.", levels.cache_limit_bytes),
            ("mirror_scrubbed_bytes", "Bytes verified in this pass of the scrub.", levels.scrubbed_bytes),
            ("mirror_scrub_total_bytes", "Bytes of a whole pass of the scrub.", levels.scrub_total_bytes),
            (
                "mirror_scrub_last_finished_timestamp_seconds",
                "When the scrub last verified everything; 0: never.",
                levels.scrub_finished,
            ),
            ("mirror_fills_in_flight", "Blobs being fetched.", levels.fills_in_flight),
            ("mirror_client_connections", "Connections of clients.", levels.connections),
            ("mirror_frozen", "1 while the operator allows no contact with upstreams.", levels.frozen),
        ):
            Gauge(name, text, registry=self._registry).set_function(source)
        for name, text, source in (
            ("mirror_fills", "Fetches of blobs begun.", levels.fills),
            ("mirror_fills_passed_on", "Fetches that the disk did not keep.", levels.fills_passed_on),
            ("mirror_fill_joins", "Requests that joined a fetch begun by another.", levels.fill_joins),
            ("mirror_evicted_bytes", "Bytes evicted to keep the cache within its bounds.", levels.evicted_bytes),
            ("mirror_facts_lost", "Facts that could not be written down.", levels.facts_lost),
            ("mirror_connections_refused", "Connections beyond the limit, turned away.", levels.connections_refused),
        ):
            self._registry.register(_Kept(name, text, source))

    def watch_upstreams(self, source: Callable[[], Iterable[UpstreamLevels]]) -> None:
        """Publish how upstreams stand, each time as `source` says; of those with one name, the one that is worst off.

        `source` is called in whatever thread looks.
        """
        self._registry.register(_Upstreams(source))

    def exchange(self, upstream: str, operation: str, code: str, seconds: float, received: int) -> None:
        """One request made to an upstream. `code`: the status, or a word for why there was none."""
        if code.isdigit() and code not in _STATUSES:
            code = f"{code[0]}xx"  # an upstream can make up hundreds of them
        self._exchanges.labels(upstream, operation, code).observe(seconds)
        if received:
            self._upstream_bytes.labels(upstream).inc(received)
        if code[:1] in ("2", "3"):
            self._last_success.labels(upstream).set(self._now())

    def corrupt(self, where: str) -> None:
        """Bytes were not what their digest says. `where`: `store` or `upstream`."""
        self._integrity.labels(where).inc()

    def render(self) -> bytes:
        """All of it in the text format. Milliseconds: for a thread."""
        return generate_latest(self._registry)


class _Kept(Collector):
    """A counter that is kept elsewhere."""

    def __init__(self, name: str, text: str, source: Callable[[], float]) -> None:
        self._name, self._text, self._source = name, text, source

    def collect(self) -> Iterator[Metric]:
        yield CounterMetricFamily(self._name, self._text, value=self._source())


class _Upstreams(Collector):
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
