"""`/metrics`, `/livez`, `/readyz`. None asks an upstream: an outage there must not take the mirror down here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web

from mirror.metrics import CONTENT_TYPE, Metrics

_INDEX = "mirror: /metrics /livez /readyz\n"


def admin_app(metrics: Metrics, ready: Callable[[], str | None]) -> web.Application:
    """The operator's API. `ready` says why requests should go elsewhere, or None when they need not."""

    async def figures(_: web.Request) -> web.Response:
        body = await asyncio.to_thread(metrics.render)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})

    async def alive(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readiness(_: web.Request) -> web.Response:
        reason = ready()
        return web.Response(text="ok\n") if reason is None else web.Response(status=503, text=f"{reason}\n")

    async def index(_: web.Request) -> web.Response:
        return web.Response(text=_INDEX)

    app = web.Application()
    app.router.add_get("/", index)
    app.router.add_get("/metrics", figures)
    for path in ("/livez", "/healthz"):
        app.router.add_get(path, alive)
    app.router.add_get("/readyz", readiness)
    return app
