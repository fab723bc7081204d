"""aiohttp alone, with one handler that says always the same: what a small answer costs before we do anything.

usage: python -m bench.bare asyncio|uvloop PORT
"""

from __future__ import annotations

import asyncio
import sys

from aiohttp import web

_BODY = b"x" * 1024


async def _answer(_: web.BaseRequest) -> web.Response:
    return web.Response(body=_BODY, content_type="application/json")


async def serve(port: int) -> None:
    await asyncio.get_running_loop().create_server(web.Server(_answer, access_log=None), "127.0.0.1", port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    if sys.argv[1] == "uvloop":
        import uvloop

        uvloop.install()
    asyncio.run(serve(int(sys.argv[2])))
