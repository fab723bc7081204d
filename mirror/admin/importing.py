"""`POST /api/v1/import`: a bundle of `mirror export` is taken into the cache as it comes. One at a time.

So one that does not come would keep the others out: what is waited for is bounded, and what is done with it is not.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass

from aiohttp import ClientError, web
from aiohttp.http_exceptions import HttpProcessingError

from mirror.admin.documents import answer
from mirror.bundles.receiving import Receiving
from mirror.errors import Code, Refused
from mirror.trickle import Trickle

PATH = "/api/v1/import"
TYPE = "application/octet-stream"
_LATER = 10  # seconds after which another import may try again

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a bundle is waited for: `silence`, in seconds, by the loop; and as `clock` tells, for a trickle."""

    silence: float = 30.0
    clock: Callable[[], float] = time.monotonic


_PATIENCE = Patience()


def import_routes(
    receiving: Callable[[], Receiving],
    unserved: Callable[[Iterable[str]], Sequence[str]],
    patience: Patience = _PATIENCE,
) -> list[web.RouteDef]:
    """`receiving` makes what takes one bundle. What is answered is `Received`; what has come before it broke off is
    gone on with by the next import.
    """
    taking = asyncio.Lock()

    async def take(request: web.Request) -> web.Response:
        if request.content_type != TYPE:  # which no page of another origin can send without having asked
            raise Refused(f"the request is to be {TYPE}", code=Code.BAD_REQUEST)
        if taking.locked():
            words = "another bundle is being imported: try again when it is done"
            raise Refused(words, code=Code.BUSY, retry_after=_LATER)
        async with taking:
            received = await receiving().take(_pieces(request, patience))
        _log.info("imported by the operator: %d images, %d new bytes", len(received.images), received.bytes)
        return answer(
            {
                "images": received.images,
                "blobs": received.blobs,
                "bytes": received.bytes,
                "skipped": received.skipped,
                "moved": received.moved,
                "evicted": received.evicted,
                "unserved": unserved(received.images),
            }
        )

    return [web.post(PATH, take)]


async def _pieces(request: web.Request, patience: Patience) -> AsyncIterator[bytes]:
    """The bytes of the request. Raises Refused when they do not come, hardly come, or do not come to their end."""
    trickle = Trickle()
    while True:
        asked = patience.clock()
        try:
            async with asyncio.timeout(patience.silence):
                data = await request.content.readany()
        except TimeoutError:
            raise Refused("the bundle did not go on in time: import again", code=Code.BAD_REQUEST) from None
        except (OSError, ClientError, HttpProcessingError):
            raise Refused("the bundle broke off on its way: import again", code=Code.BAD_REQUEST) from None
        if not data:
            return
        if trickle.is_too_thin(len(data), patience.clock() - asked):
            raise Refused("the bundle came too slowly to be waited for: import again", code=Code.BAD_REQUEST)
        yield data
