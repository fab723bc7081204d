"""`GET /api/v1/stats`: how much of what clients asked for came from the cache, and what that saved, since the start."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from mirror.admin.documents import answer
from mirror.admin.queries import parameters
from mirror.figures import Figures
from mirror.outcome import Outcome
from mirror.stock.listing import Wanted, moment
from mirror.stock.stock import Stock

PATH = "/api/v1/stats"

_CACHED = (Outcome.HIT, Outcome.REVALIDATED, Outcome.STALE, Outcome.JOINED)  # no download was begun for it
_REQUESTS, _SERVED, _FETCHED = "mirror_requests_total", "mirror_served_bytes_total", "mirror_upstream_bytes_total"
_RECENT = 10  # images


def stats_routes(figures: Callable[[], Awaitable[bytes]], stock: Stock) -> list[web.RouteDef]:
    """`figures` tells those of all processes, as they are published."""

    async def stats(request: web.Request) -> web.Response:
        parameters(request, ())
        told = Figures(await figures())
        recent = (await stock.images(Wanted()))["images"][:_RECENT]
        upstreams = sorted({*told.labels(_REQUESTS, "upstream"), *told.labels(_FETCHED, "upstream")})
        return answer(
            {
                "since": moment(min((one.value for one in told.all("process_start_time_seconds")), default=0.0)),
                **_counted(told),
                "evicted_bytes": told.total("mirror_evicted_bytes_total"),
                "prefetched_bytes": told.total("mirror_prefetched_bytes_total"),
                "upstreams": [{"upstream": name, **_counted(told, upstream=name)} for name in upstreams],
                "recent": recent,
            }
        )

    return [web.get(PATH, stats)]


def _counted(told: Figures, **labels: str) -> dict[str, Any]:
    """`hit_ratio`: of what could have come from the cache; `saved_ratio`: of the bytes served, those not fetched."""
    outcomes = {outcome: told.total(_REQUESTS, result=outcome.value, **labels) for outcome in Outcome}
    served, fetched = told.total(_SERVED, **labels), told.total(_FETCHED, **labels)
    cached = sum(outcomes[outcome] for outcome in _CACHED)
    return {
        "requests": {outcome.value: count for outcome, count in outcomes.items()},
        "hit_ratio": _share(cached, cached + outcomes[Outcome.MISS]),
        "served_bytes": served,
        "fetched_bytes": fetched,
        "saved_ratio": _share(max(served - fetched, 0), served),
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
