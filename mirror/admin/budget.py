"""`GET /api/v1/budget`: the pulls that upstreams' limits leave, and who took the others. `?upstream=` names one."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from aiohttp import web

from mirror.admin.documents import answer
from mirror.pull.frugality import State, reserved, state_of
from mirror.pull.spending import Ledger
from mirror.pull.upstreams import Upstream, Upstreams

_WINDOW = 21600.0  # seconds that are looked back where no window is told: Docker Hub's
_MOST = 20  # clients, and repositories, that are named


def budget_routes(
    upstreams: Upstreams, ledger: Ledger, clock: Callable[[], float] = time.monotonic
) -> list[web.RouteDef]:
    """`clock` is the one that budgets are told by. Times in the answer are seconds from now."""

    async def budget(request: web.Request) -> web.Response:
        name = request.query.get("upstream")
        chosen = list(upstreams) if name is None else [upstreams.named(name)]
        return answer({"upstreams": [_entry(upstream, ledger, clock()) for upstream in chosen]})

    return [web.get("/api/v1/budget", budget)]


def _entry(upstream: Upstream, ledger: Ledger, now: float) -> dict[str, Any]:
    budget = upstream.registry.budget
    reserve = upstream.policy.reserve
    spent = ledger.spent(upstream.name, _WINDOW if budget is None else budget.window)
    throttled = _throttled(upstream)
    told: dict[str, Any] = dict.fromkeys(("limit", "remaining", "window", "window_ends_in", "source", "reserve"))
    if budget is not None:
        told = {
            "limit": budget.limit,
            "remaining": budget.remaining,
            "window": budget.window,
            "window_ends_in": max(round(budget.at + budget.window - now), 0),
            "source": budget.source,
            "reserve": reserved(budget, reserve),
        }
    return {
        "upstream": upstream.name,
        "state": (State.THROTTLED if throttled else state_of(budget, reserve)).value,
        "throttled_for": throttled or None,
        **told,
        "spent": spent.pulls,
        "clients": [{"client": client, "pulls": pulls} for client, pulls in spent.clients[:_MOST]],
        "repositories": [{"repository": name, "pulls": pulls} for name, pulls in spent.repositories[:_MOST]],
    }


def _throttled(upstream: Upstream) -> int:
    """Seconds until a pull is tried again, 0 if one may be tried now."""
    return math.ceil(min((health.throttled_for for health in upstream.registry.endpoints), default=0.0))
