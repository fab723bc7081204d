"""A port on a loopback address and the connections that it took. Knows nothing of what is spoken there."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from typing import Self

from mirror.tasks import end, spawn
from tests.support.held_port import HeldPort

_HEAD_LIMIT = 64 * 1024
_BACKLOG = 1024

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Listener:
    """`serve` is called for each connection; when it returns, the connection is closed."""

    def __init__(self, serve: Serve, host: str, tls: ssl.SSLContext | None = None) -> None:
        self.port = 0
        self.connections = 0  # ever accepted
        self._serve = serve
        self._host = host
        self._tls = tls
        self._held: HeldPort | None = None
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def start(self) -> None:
        """Listens; after a `stop` on the same port again, which has not been given to anybody else."""
        if self._held is None:
            self._held = HeldPort(self._host, self.port)
        self.port = self._held.port
        self._server = await asyncio.start_server(
            self._connected, sock=self._held.listening(_BACKLOG), limit=_HEAD_LIMIT, backlog=_BACKLOG, ssl=self._tls
        )

    async def stop(self) -> None:
        """Closes the port and breaks every open connection."""
        if self._server is not None:
            self._server.close()
        await end(*self._tasks)
        if self._server is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):  # newer Pythons also wait for handshakes that nobody goes on with
                    await self._server.wait_closed()
            self._server = None

    async def aclose(self) -> None:
        """Stop, and give the port up: it may be anybody's from now on."""
        await self.stop()
        if self._held is not None:
            self._held.release()
            self._held = None

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = spawn(self._run(reader, writer), "fake-connection")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: writer.close())  # also of one that is ended before it has begun

    async def _run(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        except ConnectionError:
            pass  # the client left: nothing to answer any more
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        finally:
            writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
