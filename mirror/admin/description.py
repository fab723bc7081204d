"""`GET /openapi.json`: the operator's API for machines, as `openapi.json` beside this file describes it."""

from __future__ import annotations

from importlib.resources import files

import orjson
from aiohttp import web

from mirror import __version__

PATH = "/openapi.json"


def description() -> bytes:
    """The document, an OpenAPI 3.1 one, of this version."""
    document = orjson.loads(files("mirror.admin").joinpath("openapi.json").read_bytes())
    document["info"]["version"] = __version__
    return orjson.dumps(document)


def description_route() -> web.RouteDef:
    """Read once, here: it does not change while we run."""
    body = description()

    async def describe(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    return web.get(PATH, describe)
