"""What is never evicted: `GET /api/v1/pins`, `POST` to keep something, `DELETE` to let go of it."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from mirror.admin.documents import answer, sent
from mirror.admin.queries import parameters, wanted
from mirror.errors import Code, Refused
from mirror.stock.stock import Stock

PATH = "/api/v1/pins"


def pin_routes(stock: Stock) -> list[web.RouteDef]:
    """A pin is told with what it keeps now."""

    async def pins(request: web.Request) -> web.Response:
        parameters(request, ())
        return answer(await stock.pins())

    async def pin(request: web.Request) -> web.Response:
        return answer(await stock.pin(_name(await sent(request))))

    async def unpin(request: web.Request) -> web.Response:
        return answer(await stock.unpin(wanted(parameters(request, ("name",)), "name", "ghcr.io/owner/*")))

    return [web.get(PATH, pins), web.post(PATH, pin), web.delete(PATH, unpin)]


def _name(document: dict[str, Any]) -> str:
    match document:
        case {"name": str(name), **rest} if name and not rest:
            return name
    raise Refused("name what is to be kept, and nothing else", code=Code.BAD_REQUEST)
