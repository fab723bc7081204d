"""An answer that is sent from a readable, to a client that asked for it over a real connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from mirror.errors import MirrorError
from mirror.oci.byte_range import Span
from mirror.server.exchange import Exchange
from mirror.server.sending import Sending, send
from tests.support.answering import Served, served
from tests.support.raw_client import RawClient, request
from tests.support.readables import Growing
from tests.support.surface import noise

DATA = noise("sending", 3_000_000)
WHOLE = Span(0, len(DATA))


class Sender:
    """Answers each request by sending from a readable, and keeps what became of it."""

    def __init__(self, readable: Growing, span: Span | None = WHOLE) -> None:
        self.sending = Sending(readable, span)
        self.over: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
        self.exchange: Exchange

    async def __call__(self, asked: web.BaseRequest) -> web.StreamResponse:
        span = self.sending.span
        response = web.StreamResponse(headers={} if span is None else {"Content-Length": str(len(span))})
        self.exchange = Exchange(asked, "id-1")
        try:
            await send(self.exchange, response, self.sending)
        except (MirrorError, OSError, asyncio.CancelledError) as error:
            self.over.set_result(error)
            if asked.transport is not None:
                asked.transport.abort()
        else:
            self.over.set_result(None)
        return response

    async def outcome(self) -> BaseException | None:
        async with asyncio.timeout(10):
            return await self.over


@asynccontextmanager
async def sending(sender: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> AsyncIterator[RawClient]:
    async with served(sender) as server:
        with await asking(server) as client:
            yield client


async def asking(server: Served, window: int | None = None) -> RawClient:
    client = await server.client(window)
    client.send(request("GET", "/"))
    return client


async def body(client: RawClient) -> bytes:
    return (await asyncio.to_thread(client.answer)).body
