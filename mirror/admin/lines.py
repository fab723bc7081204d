"""Answers that are lines of JSON, written as they come; to nobody who does not read them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from aiohttp import web

LINES = "application/x-ndjson"
PATIENCE = 60.0  # seconds with somebody who reads nothing


def lines() -> web.StreamResponse:
    """One that is yet to be prepared."""
    return web.StreamResponse(headers={"Content-Type": LINES, "Cache-Control": "no-store"})


async def write(request: web.Request, answer: web.StreamResponse, data: bytes, patience: float) -> None:
    """Raises ConnectionError also where nothing was read for so many seconds: the connection is closed then."""
    await _sent(request, answer.write(data), patience)


async def finish(request: web.Request, answer: web.StreamResponse, patience: float) -> None:
    """That was all of it. Raises as `write`."""
    await _sent(request, answer.write_eof(), patience)


async def _sent(request: web.Request, sending: Awaitable[None], patience: float) -> None:
    try:
        async with asyncio.timeout(patience):
            await sending
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()  # what is yet to be written would be waited for without end
        raise ConnectionAbortedError from None
