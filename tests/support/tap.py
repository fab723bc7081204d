"""A streaming proxy before the origin that writes down what was asked, and holds or cuts a body where a test says so.

It runs in a thread of its own inside a `Sealed` network. It knows nothing of what the paths mean.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

from tests.support.sealed import Sealed
from tests.support.sealed_loop import SealedLoop

HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "host", "server", "date"})
PATIENCE = 30.0  # seconds that anything here waits for a test, or a test for it
PIECE = 64 * 1024


@dataclass(slots=True)
class Asked:
    """One request that reached the origin, and how much of its body went back."""

    method: str
    path: str
    range: str | None
    authorization: str | None
    status: int = 0
    sent: int = 0

    def __str__(self) -> str:
        wanted = f" {self.range}" if self.range else ""
        return f"{self.method} {self.path}{wanted} -> {self.status}, {self.sent} bytes"


@dataclass(slots=True)
class Gate:
    """A body that stops after `after` bytes. `reached` says that it did; `open` lets it go on, `cut` breaks it off."""

    path_end: str
    after: int
    reached: threading.Event = field(default_factory=threading.Event)
    left: threading.Event = field(default_factory=threading.Event)
    breaks: bool = False

    def wait(self) -> None:
        """Until the body stands at the gate. Raises AssertionError when nobody asks for it in time."""
        if not self.reached.wait(PATIENCE):
            raise AssertionError(f"nobody read {self.after} bytes of …{self.path_end}")

    def open(self) -> None:
        self.left.set()

    def cut(self) -> None:
        self.breaks = True
        self.left.set()


class Tap:
    """The proxy. `start` and `stop` may alternate: stopped, its port refuses connections, as a dead registry's does."""

    def __init__(self, sealed: Sealed, origin: str) -> None:
        self._origin = origin
        self._asked: list[Asked] = []
        self._gates: list[Gate] = []
        self._running = 0
        self._idle = threading.Condition()
        self._loop = SealedLoop(sealed, "tap")
        self._port = sealed.free_port()
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        self._loop.do(self._start())

    def stop(self) -> None:
        self._loop.do(self._stop())

    def close(self) -> None:
        """Stop for good and end the thread."""
        self.stop()
        self._loop.close()

    def hold(self, path_end: str, after: int) -> Gate:
        """Stop the next body of a path that ends so, once, after so many bytes."""
        gate = Gate(path_end, after)
        self._gates.append(gate)
        return gate

    def cut(self, path_end: str, after: int) -> Gate:
        """Break off the next body of a path that ends so, once, after so many bytes."""
        gate = self.hold(path_end, after)
        gate.cut()
        return gate

    def take(self) -> list[Asked]:
        """What was asked since the last time, once nothing is running any more."""
        with self._idle:
            if not self._idle.wait_for(lambda: self._running == 0, PATIENCE):
                raise AssertionError(f"still running at the origin: {[str(asked) for asked in self._asked]}")
            taken, self._asked = self._asked, []
        return taken

    async def _start(self) -> None:
        unlimited = aiohttp.ClientTimeout(total=None, sock_connect=PATIENCE, sock_read=PATIENCE)
        self._session = aiohttp.ClientSession(auto_decompress=False, timeout=unlimited)
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True).start()

    async def _stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        headers = request.headers
        asked = Asked(request.method, request.path, headers.get("Range"), headers.get("Authorization"))
        with self._idle:
            self._asked.append(asked)
            self._running += 1
        try:
            return await self._pass_on(request, asked)
        finally:
            with self._idle:
                self._running -= 1
                self._idle.notify_all()

    async def _pass_on(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        if self._session is None:
            raise web.HTTPBadGateway
        url = self._origin + request.raw_path
        headers = _end_to_end(request.headers)
        async with self._session.request(request.method, url, headers=headers, allow_redirects=False) as answer:
            asked.status = answer.status
            response = web.StreamResponse(status=answer.status, headers=_end_to_end(answer.headers))
            await response.prepare(request)
            try:
                await self._send_body(request, answer, response, asked)
            except ConnectionError:
                _abort(request)  # one of the two sides is gone, and so is the other then
            return response

    async def _send_body(
        self, request: web.Request, answer: aiohttp.ClientResponse, response: web.StreamResponse, asked: Asked
    ) -> None:
        gate = self._gate_of(request.path) if request.method == "GET" else None
        async for piece in answer.content.iter_chunked(PIECE):
            if gate is not None and asked.sent + len(piece) > gate.after:
                head, piece = piece[: gate.after - asked.sent], piece[gate.after - asked.sent :]
                await _write(response, head, asked)
                if not await _passes(gate):
                    raise ConnectionAbortedError
                gate = None
            await _write(response, piece, asked)
        await response.write_eof()

    def _gate_of(self, path: str) -> Gate | None:
        for gate in self._gates:
            if path.endswith(gate.path_end):
                self._gates.remove(gate)
                return gate
        return None


async def _write(response: web.StreamResponse, piece: bytes, asked: Asked) -> None:
    await response.write(piece)
    asked.sent += len(piece)


async def _passes(gate: Gate) -> bool:
    """Wait at the gate; False if the body is to break off here."""
    gate.reached.set()
    await asyncio.to_thread(gate.left.wait, PATIENCE)
    return not gate.breaks


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _end_to_end(headers: Mapping[str, str]) -> CIMultiDict[str]:
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in HOP_BY_HOP)
