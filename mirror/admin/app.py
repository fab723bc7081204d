"""The operator's listener: `/metrics`, `/livez`, `/readyz`, and the API below `/api/`, whose routes are given.

None of the first three asks an upstream: an outage there must not take the mirror down here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence

from aiohttp import web

from mirror.admin.documents import LARGEST, guard
from mirror.metrics import CONTENT_TYPE, Metrics

_INDEX = "mirror: /metrics /livez /readyz"


def admin_app(
    metrics: Metrics,
    ready: Callable[[], str | None],
    api: Sequence[web.RouteDef] = (),
    names: Collection[str] = (),
) -> web.Application:
    """`ready` says why requests should go elsewhere, or None when they need not.

    `api` are the routes below `/api/`, which no page of a browser may use; `names` (lower case) are those by which the
    operator asks, beside addresses and `localhost`.
    """

    async def figures(_: web.Request) -> web.Response:
        body = await asyncio.to_thread(metrics.render)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})

    async def alive(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readiness(_: web.Request) -> web.Response:
        reason = ready()
        return web.Response(text="ok\n") if reason is None else web.Response(status=503, text=f"{reason}\n")

    async def index(_: web.Request) -> web.Response:
        readable = [route.path for route in api if route.method == "GET"]
        return web.Response(text=" ".join([_INDEX, *readable]) + "\n")

    app = web.Application(middlewares=[guard(frozenset(names))], client_max_size=LARGEST)
    app.router.add_get("/", index)
    app.router.add_get("/metrics", figures)
    for path in ("/livez", "/healthz"):
        app.router.add_get(path, alive)
    app.router.add_get("/readyz", readiness)
    app.router.add_routes(api)
    return app
