"""The operator's listener: the admin application behind the same bounds as the registry, and apart from its clients.

Whatever those do, there is a place left here, and an answer. Knows none of the application's routes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web
from aiohttp.http_parser import RawRequestMessage

from mirror.errors import Code
from mirror.server.listening import Place, listen
from mirror.server.protocol import ClientLimits, RegistryServer

_CONTINUE = "100-continue"
_LAST = 0.5  # seconds that connections are given to end
# Monitoring, service managers and people: few, and none of them slow. An answer may have to ask upstreams first.
_LIMITS = ClientLimits(connections=64, keepalive=30.0, stall=20.0, begin=60.0, rate=1024.0, head=5.0)


async def listen_admin(app: web.Application, places: Sequence[Place]) -> AdminListener:
    """Serve it there; its caller awaits `cleanup`. Raises MirrorError when an address cannot be had."""
    listener = AdminListener(app)
    try:
        await listener.open(places)
    except BaseException:
        await listener.cleanup()
        raise
    return listener


class AdminListener:
    """Where the operator asks. Made by `listen_admin`."""

    def __init__(self, app: web.Application) -> None:
        self._runner = _Runner(app)
        self._open: list[asyncio.Server] = []

    async def open(self, places: Sequence[Place]) -> None:
        """Listen on all of them. Raises MirrorError."""
        await self._runner.setup()
        server = self._runner.server
        if server is None:
            raise RuntimeError("the application has not been set up")
        for place in places:
            self._open.append(await listen(server, place, "admin.listen"))

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where it is listened on, with the ports that the kernel chose."""
        return [one.getsockname()[:2] for server in self._open for one in server.sockets]

    async def cleanup(self) -> None:
        """End it: nothing more is taken, and what is under way is broken off soon."""
        while self._open:
            self._open.pop().close()
        await self._runner.cleanup()


class _Runner(web.AppRunner):
    def __init__(self, app: web.Application) -> None:
        super().__init__(app, shutdown_timeout=_LAST)

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        server = RegistryServer(_Application(made.request_handler), _LIMITS)
        server.request_factory = made.request_factory
        server.handler_cancellation = False  # what an operator has ordered is done, though nobody waits for the answer
        return server


class _Application:
    """The application as what answers come from: it knows nothing by its bytes."""

    def __init__(self, handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> None:
        self._handle = handle

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Expect", _CONTINUE).lower() != _CONTINUE:
            return self.reject(request, Code.BAD_REQUEST)  # aiohttp's own answer would repeat it
        return await self._handle(request)

    def again(self, data: bytes, peer: str) -> bytes | None:  # noqa: ARG002
        return None

    def heard(self, message: RawRequestMessage, data: bytes, peer: str) -> bytes | None:  # noqa: ARG002
        return None

    def reject_tls(self, request: web.BaseRequest) -> web.StreamResponse:
        return self.reject(request, Code.BAD_REQUEST)

    def reject(self, request: web.BaseRequest, code: Code) -> web.StreamResponse:  # noqa: ARG002
        response = web.Response(status=code.status, text=f"{code.message}\n")
        response.force_close()
        return response
