"""Which part of a running mirror keeps which figure. Composition, as `app` is: knows all rings, decides nothing."""

from __future__ import annotations

from dataclasses import dataclass

from mirror.collectors import UpstreamLevels
from mirror.metrics import Levels, Metrics
from mirror.notices.notices import Notices
from mirror.pull.freezing import Freezing
from mirror.pull.pulls import Pulls
from mirror.server.footing import Footing
from mirror.server.protocol import RegistryServer
from mirror.store.scrub import Scrub
from mirror.store.store import Store
from mirror.upstream.registry import Registry


@dataclass(frozen=True, slots=True)
class Measured:
    """The parts that are measured."""

    store: Store
    scrub: Scrub
    pulls: Pulls
    server: RegistryServer
    freezing: Freezing
    footing: Footing
    notices: Notices


def measure(metrics: Metrics, parts: Measured) -> None:
    """Publish what they keep, each time somebody looks."""
    store, scrub, server, notices = parts.store, parts.scrub, parts.server, parts.notices
    fetches, prefetch = parts.pulls.fetches, parts.pulls.prefetch
    metrics.watch(
        Levels(
            cache_bytes=lambda: store.size,
            cache_limit_bytes=lambda: store.limit,
            evicted_bytes=lambda: store.evicted,
            facts_lost=lambda: store.facts_lost,
            scrubbed_bytes=lambda: scrub.progress.done,
            scrub_total_bytes=lambda: scrub.total,
            scrub_finished=lambda: scrub.progress.finished,
            fills=lambda: fetches.began,
            fills_in_flight=lambda: len(fetches),
            fill_joins=lambda: fetches.joined,
            fills_passed_on=lambda: fetches.passed_on,
            prefetched_blobs=lambda: prefetch.blobs,
            prefetched_bytes=lambda: prefetch.bytes,
            prefetched_used=lambda: prefetch.used,
            tag_moves=lambda: store.facts.journal.moves,
            notices_told=lambda: notices.told,
            notices_dropped=lambda: notices.dropped,
            connections=lambda: len(server.connections),
            connections_refused=lambda: server.admission.refused,
            sheltered=lambda: float(store.is_sheltered),
            frozen=lambda: float(parts.freezing.current is not None),
            workers=parts.footing.workers,
            worker_restarts=parts.footing.restarts,
        )
    )
    table = parts.pulls.upstreams
    metrics.watch_upstreams(lambda: [_levels(table.label(one.name), one.registry) for one in table])


def _levels(name: str, registry: Registry) -> UpstreamLevels:
    """How an upstream stands: as well as the best of its endpoints."""
    budget = registry.budget
    limit, remaining = (None, None) if budget is None else (budget.limit, budget.remaining)
    return UpstreamLevels(name, min(one.state.value for one in registry.endpoints), limit, remaining)
