"""The images that are here: `/api/v1/images`, one in detail, the removal of any; `/api/v1/usage`, the room they take.

What they mean is the stock's to know; here it is put into requests and answers.
"""

from __future__ import annotations

from aiohttp import web

from mirror.admin.documents import answer
from mirror.admin.queries import parameters, truth, wanted
from mirror.stock.listing import wanted_of
from mirror.stock.stock import Stock

IMAGES, DETAIL, USAGE = "/api/v1/images", "/api/v1/images/detail", "/api/v1/usage"


def image_routes(stock: Stock) -> list[web.RouteDef]:
    """Sizes in the answers are bytes, times RFC 3339."""

    async def images(request: web.Request) -> web.Response:
        query = parameters(request, ("pattern", "upstream", "sort", "pinned"))
        return answer(await stock.images(wanted_of(query)))

    async def detail(request: web.Request) -> web.Response:
        query = parameters(request, ("image",))
        return answer(await stock.image(wanted(query, "image", "ghcr.io/owner/name:tag")))

    async def remove(request: web.Request) -> web.Response:
        query = parameters(request, ("name", "dry_run"))
        name = wanted(query, "name", "ghcr.io/owner/name:tag")
        return answer(await (stock.removal(name) if truth(query, "dry_run") else stock.remove(name)))

    async def usage(request: web.Request) -> web.Response:
        parameters(request, ())
        return answer(await stock.usage())

    return [
        web.get(IMAGES, images),
        web.delete(IMAGES, remove),
        web.get(DETAIL, detail),
        web.get(USAGE, usage),
    ]
