"""The operator's listener: `/metrics`, `/livez`, `/readyz`, and the API below `/api/`, whose routes are given.

None of the first three asks an upstream: an outage there must not take the mirror down here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence

from aiohttp import web

from mirror.admin.description import PATH, description_route
from mirror.admin.documents import LARGEST, guard
from mirror.metrics import CONTENT_TYPE

_INDEX = ("mirror, for its operator: what can be read here", "/metrics", "/livez", "/readyz", PATH)


def admin_app(
    figures: Callable[[], Awaitable[bytes]],
    ready: Callable[[], str | None],
    api: Sequence[web.RouteDef] = (),
    names: Collection[str] = (),
) -> web.Application:
    """`figures` tells those of `/metrics`, in its format; `ready` why requests should go elsewhere, or None.

    `api` are the routes below `/api/`, which no page of a browser may use; `names` (lower case) are those by which the
    operator asks, beside addresses and `localhost`.
    """

    async def told(_: web.Request) -> web.Response:
        return web.Response(body=await figures(), headers={"Content-Type": CONTENT_TYPE})

    async def alive(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readiness(_: web.Request) -> web.Response:
        reason = ready()
        return web.Response(text="ok\n") if reason is None else web.Response(status=503, text=f"{reason}\n")

    async def index(_: web.Request) -> web.Response:
        readable = [route.path for route in api if route.method == "GET"]
        return web.Response(text="\n".join([*_INDEX, *readable]) + "\n")

    app = web.Application(middlewares=[guard(frozenset(names))], client_max_size=LARGEST)
    app.on_response_prepare.append(_signed)
    app.router.add_get("/", index)
    app.router.add_get("/metrics", told)
    for path in ("/livez", "/healthz"):
        app.router.add_get(path, alive)
    app.router.add_get("/readyz", readiness)
    app.router.add_routes([description_route(), *api])
    return app


async def _signed(_: web.Request, answered: web.StreamResponse) -> None:
    answered.headers["Server"] = "mirror"  # and not what it is made of, in which versions
