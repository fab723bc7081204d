"""Every figure that the mirror publishes, on one screen. The one user of prometheus-client.

Labels are upstreams, kinds and outcomes, all from short lists: no repository, no client, nothing that a stranger names.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
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
from prometheus_client.core import Metric
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from mirror.collectors import Kept, Tally, UpstreamGauges, UpstreamLevels
from mirror.workers.merging import Family, Sample

disable_created_metrics()  # type: ignore[no-untyped-call]  # a further series for each, of which nobody makes use

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_STATUSES = frozenset(str(status.value) for status in HTTPStatus)
_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120, 600)


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
    prefetched_blobs: Callable[[], float]
    prefetched_bytes: Callable[[], float]
    prefetched_used: Callable[[], float]
    tag_moves: Callable[[], float]
    notices_told: Callable[[], float]
    notices_dropped: Callable[[], float]
    connections: Callable[[], float]
    connections_refused: Callable[[], float]
    sheltered: Callable[[], float]
    frozen: Callable[[], float]
    workers: Callable[[], float]
    worker_restarts: Callable[[], float]


class Metrics:
    """The figures of one mirror."""

    def __init__(self, version: str, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._counted = 0  # of what the library counts
        self._kept: list[Kept] = []
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
            (
                "mirror_disk_unusable",
                "1 while nothing that is noted lasts: the disk could not be used at the start, and still cannot.",
                levels.sheltered,
            ),
            ("mirror_frozen", "1 while the operator allows no contact with upstreams.", levels.frozen),
            ("mirror_workers", "Processes that serve.", levels.workers),
        ):
            Gauge(name, text, registry=self._registry).set_function(source)
        for name, text, source in (
            ("mirror_fills", "Fetches of blobs begun.", levels.fills),
            ("mirror_fills_passed_on", "Fetches that the disk did not keep.", levels.fills_passed_on),
            ("mirror_prefetched_blobs", "Blobs fetched before a client asked for them.", levels.prefetched_blobs),
            ("mirror_prefetched_bytes", "Bytes of those blobs.", levels.prefetched_bytes),
            ("mirror_prefetched_used", "Those of them that a client has asked for since.", levels.prefetched_used),
            ("mirror_tag_moves", "Tags that were seen to have moved.", levels.tag_moves),
            ("mirror_notices_told", "Web hooks that were told of a move.", levels.notices_told),
            ("mirror_notices_dropped", "Notices of moves that were given up.", levels.notices_dropped),
            ("mirror_fill_joins", "Requests that joined a fetch begun by another.", levels.fill_joins),
            ("mirror_evicted_bytes", "Bytes evicted to keep the cache within its bounds.", levels.evicted_bytes),
            ("mirror_facts_lost", "Facts that could not be written down.", levels.facts_lost),
            ("mirror_connections_refused", "Connections beyond the limit, turned away.", levels.connections_refused),
            ("mirror_worker_restarts", "Workers begun in place of others.", levels.worker_restarts),
        ):
            kept = Kept(name, text, source)
            self._kept.append(kept)
            self._registry.register(kept)

    def watch_upstreams(self, source: Callable[[], Iterable[UpstreamLevels]]) -> None:
        """Publish how upstreams stand, each time as `source` says; of those with one name, the one that is worst off.

        `source` is called in whatever thread looks.
        """
        self._registry.register(UpstreamGauges(source))

    def exchange(self, upstream: str, operation: str, code: str, seconds: float, received: int) -> None:
        """One request made to an upstream. `code`: the status, or a word for why there was none."""
        self._counted += 1
        if code.isdigit() and code not in _STATUSES:
            code = f"{code[0]}xx"  # an upstream can make up hundreds of them
        self._exchanges.labels(upstream, operation, code).observe(seconds)
        if received:
            self._upstream_bytes.labels(upstream).inc(received)
        if code[:1] in ("2", "3"):
            self._last_success.labels(upstream).set(self._now())

    def corrupt(self, where: str) -> None:
        """Bytes were not what their digest says. `where`: `store` or `upstream`."""
        self._counted += 1
        self._integrity.labels(where).inc()

    def render(self) -> bytes:
        """All of it in the text format. Milliseconds: for a thread."""
        return generate_latest(self._registry)

    def mark(self) -> Sequence[float]:
        """What is another whenever something has been counted."""
        return (self.requests.total, self._counted, *(kept.source() for kept in self._kept))

    def families(self) -> list[Family]:
        """All of it as values, to be joined with those of other processes. Milliseconds: for a thread."""
        return [_family(metric) for metric in self._registry.collect()]

    def written(self, families: Iterable[Family]) -> bytes:
        """These in the text format."""
        return generate_latest(_Joined(families))


class _Joined:
    """What is made of several processes' figures, in the place of a registry."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        for family in self._families:
            metric = Metric(family.name, family.text, family.kind)
            for sample in family.samples:
                metric.add_sample(sample.name, dict(sample.labels), sample.value)
            yield metric


def _family(metric: Metric) -> Family:
    samples = tuple(Sample(one.name, tuple(one.labels.items()), one.value) for one in metric.samples)
    return Family(metric.name, metric.type, metric.documentation, samples)
