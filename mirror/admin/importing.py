"""`POST /api/v1/import`: a bundle of `mirror export` is taken into the cache as it comes. One at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from aiohttp import ClientError, web
from aiohttp.http_exceptions import HttpProcessingError

from mirror.admin.documents import answer
from mirror.bundles.receiving import Receiving
from mirror.errors import Code, Refused

PATH = "/api/v1/import"
TYPE = "application/octet-stream"
_PATIENCE = 30.0  # seconds for the next bytes


def import_routes(receiving: Callable[[], Receiving]) -> list[web.RouteDef]:
    """`receiving` makes what takes one bundle. What is answered is `Received`; what has come before it broke off is
    gone on with by the next import.
    """
    taking = asyncio.Lock()

    async def take(request: web.Request) -> web.Response:
        if request.content_type != TYPE:  # which no page of another origin can send without having asked
            raise Refused(f"the request is to be {TYPE}", code=Code.BAD_REQUEST)
        if taking.locked():
            raise Refused("another bundle is being imported: try again when it is done", code=Code.BUSY)
        async with taking:
            received = await receiving().take(_pieces(request))
        return answer(
            {
                "images": received.images,
                "blobs": received.blobs,
                "bytes": received.bytes,
                "skipped": received.skipped,
            }
        )

    return [web.post(PATH, take)]


async def _pieces(request: web.Request) -> AsyncIterator[bytes]:
    """The bytes of the request. Raises Refused when they do not come, or not to their end."""
    while True:
        try:
            async with asyncio.timeout(_PATIENCE):
                data = await request.content.readany()
        except TimeoutError:
            raise Refused("the bundle did not go on in time: import again", code=Code.BAD_REQUEST) from None
        except (OSError, ClientError, HttpProcessingError):
            raise Refused("the bundle broke off on its way: import again", code=Code.BAD_REQUEST) from None
        if not data:
            return
        yield data
