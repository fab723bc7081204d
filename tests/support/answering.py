"""Requests for parts of the server: made of bytes without a connection, or brought by a real one to a test's answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_parser import HttpRequestParser, RawRequestMessage
from aiohttp.http_writer import StreamWriter
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler

from mirror.errors import Code, MirrorError
from mirror.server.errors import error_response
from mirror.server.exchange import Exchange
from mirror.server.protocol import ClientLimits, RegistryServer
from tests.support.raw_client import RawClient, request

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
LIMITS = ClientLimits(connections=100, keepalive=10, stall=10)


def request_of(method: str, target: str, *lines: str, version: str = "HTTP/1.1") -> web.BaseRequest:
    """What becomes of a request with these header lines once it has been parsed; nobody is connected."""
    loop = asyncio.get_running_loop()
    message, payload = _parsed(request(method, target, *lines, version=version))
    protocol = RequestHandler(web.Server(_unanswered), loop=loop)
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a request belongs to a task")
    return web.BaseRequest(message, payload, protocol, StreamWriter(protocol, loop), task, loop)


def message_of(data: bytes) -> RawRequestMessage:
    """What the parser makes of these bytes, which are one request."""
    return _parsed(data)[0]


def _parsed(data: bytes) -> tuple[RawRequestMessage, StreamReader]:
    loop = asyncio.get_running_loop()
    (parsed,), _, _ = HttpRequestParser(BaseProtocol(loop), loop, 2**16).feed_data(data)
    return parsed


def exchange_of(method: str = "GET", target: str = "/v2/", *lines: str, version: str = "HTTP/1.1") -> Exchange:
    return Exchange(request_of(method, target, *lines, version=version), "id-1")


class Answers:
    """Answers as a test says, and remembers what was rejected."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.rejected: list[tuple[web.BaseRequest, Code]] = []
        self.tried_tls = 0

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        return await self._answer(request)

    def again(self, data: bytes, peer: str) -> bytes | None:
        return None

    def heard(self, message: RawRequestMessage, data: bytes, peer: str) -> bytes | None:
        return None

    def reject_tls(self, request: web.BaseRequest) -> web.StreamResponse:
        self.tried_tls += 1
        return self.reject(request, Code.BAD_REQUEST)

    def reject(self, request: web.BaseRequest, code: Code) -> web.StreamResponse:
        self.rejected.append((request, code))
        response = error_response(Exchange(request, "rejected"), MirrorError(code=code))
        response.force_close()
        return response


class Unending:
    """An answer that never comes. `begun` tells that somebody waits for it, `ended` that it was broken off."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()

    async def __call__(self, _: web.BaseRequest) -> web.StreamResponse:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()
        return web.Response()


class Served:
    """A server of the registry's kind over a test's answer."""

    def __init__(self, server: RegistryServer, answers: Answers, listening: asyncio.Server) -> None:
        self.server = server
        self.answers = answers
        self._address: tuple[str, int] = listening.sockets[0].getsockname()

    async def client(self, window: int | None = None) -> RawClient:
        """A new connection, which the caller closes. What it does waits, so it does so in a thread."""
        return await asyncio.to_thread(RawClient, self._address, None, window)

    def client_from(self, address: str) -> RawClient:
        """A new connection from that address of this machine, which the caller closes. It waits."""
        return RawClient(self._address, source=address)

    async def count(self, connections: int) -> None:
        """Wait until so many clients are connected. Raises TimeoutError after ten seconds."""
        async with asyncio.timeout(10):
            while len(self.server.connections) != connections:  # noqa: ASYNC110  # the server tells nobody
                await asyncio.sleep(0.005)


@asynccontextmanager
async def served(answer: Answer | Answers, limits: ClientLimits = LIMITS) -> AsyncIterator[Served]:
    """Serve on a port of the kernel's choice."""
    answers = answer if isinstance(answer, Answers) else Answers(answer)
    server = RegistryServer(answers, limits)
    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    try:
        yield Served(server, answers, listening)
    finally:
        listening.close()
        server.pre_shutdown()
        await server.shutdown(0.2)


async def _unanswered(_: web.BaseRequest) -> web.StreamResponse:
    raise RuntimeError("nobody is connected")
