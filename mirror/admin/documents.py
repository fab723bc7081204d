"""JSON in and out of the operator's API, and its errors as `{"error": "…"}`. Knows no question."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

import orjson
from aiohttp import web
from aiohttp.typedefs import Middleware

from mirror.admin.visitors import admit
from mirror.errors import Code, MirrorError, Refused

PREFIX = "/api/"
LARGEST = 64 * 1024  # bytes of a document that somebody sends
_PATIENCE = 2.0  # seconds for all of it

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def answer(document: Mapping[str, Any], status: int = 200) -> web.Response:
    return _response(status, document)


async def sent(request: web.Request) -> dict[str, Any]:
    """The document of this request, empty when it has none. Raises Refused when it is no object in JSON.

    `application/json` has to be named: no page can send that to another origin without having asked.
    """
    try:
        async with asyncio.timeout(_PATIENCE):
            body = await request.read()
    except TimeoutError:
        raise Refused("the request did not come to its end in time", code=Code.BAD_REQUEST) from None
    if not body:
        return {}
    if request.content_type != "application/json":
        raise Refused("the request is to be application/json", code=Code.BAD_REQUEST)
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise Refused("the request is to be an object in JSON", code=Code.BAD_REQUEST)
    return document


def guard(names: Collection[str]) -> Middleware:
    """Admits who may ask, and says what goes wrong as a document. `names`: see `admit`."""

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith(PREFIX):
            return await handler(request)
        try:
            admit(request.headers, names)
            return await handler(request)
        except MirrorError as error:
            later = None if error.retry_after is None else {"Retry-After": str(error.retry_after)}
            return _response(error.code.status, {"error": str(error)}, later)
        except web.HTTPException as error:
            headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
            return _response(error.status, {"error": error.reason.lower()}, headers)

    return guarded


def _response(status: int, document: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(
        status=status,
        body=orjson.dumps(document),
        headers={"Content-Type": "application/json", "Cache-Control": "no-store", **(headers or {})},
    )
