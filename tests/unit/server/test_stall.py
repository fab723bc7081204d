"""A client is let go once its own system has taken nothing for long enough, and no sooner."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from mirror.server.stall import Watch, taken
from tests.support.loops import LOOPS, run_on

MIB = 1024**2


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[asyncio.Transport, socket.socket]]:
    """A transport that has been given much more than its client's system takes, and the client's socket."""
    loop = asyncio.get_running_loop()
    made: asyncio.Future[asyncio.Transport] = loop.create_future()

    class Giving(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            made.set_result(transport)  # type: ignore[arg-type]

    server = await loop.create_server(Giving, "127.0.0.1", 0)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    try:
        await loop.sock_connect(client, server.sockets[0].getsockname())
        transport = await made
        transport.write(b"x" * 20 * MIB)
        yield transport, client
        transport.abort()
    finally:
        client.close()
        server.close()


async def read(client: socket.socket, length: int) -> None:
    while length > 0:
        length -= len(await asyncio.get_running_loop().sock_recv(client, min(length, 65536)))


@pytest.mark.parametrize("loop", LOOPS)
def test_who_takes_nothing_has_stalled(loop: str) -> None:
    async def scenario() -> None:
        async with connected() as (transport, _):
            stalled = asyncio.Event()
            Watch(transport, 0.05, stalled.set)
            async with asyncio.timeout(10):
                await stalled.wait()

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_who_takes_something_each_time_has_not(loop: str) -> None:
    async def scenario() -> None:
        async with connected() as (transport, client):
            stalled = asyncio.Event()
            watch = Watch(transport, 0.25, stalled.set)
            began = asyncio.get_running_loop().time()
            while asyncio.get_running_loop().time() < began + 1.5:
                await read(client, 8192)  # far less than would make room in our kernel's buffer
                await asyncio.sleep(0.02)
            assert not stalled.is_set()
            watch.end()

    run_on(loop, scenario())


async def test_a_wait_that_is_over_is_watched_no_more() -> None:
    async with connected() as (transport, _):
        stalled = asyncio.Event()
        Watch(transport, 0.02, stalled.set).end()
        later = asyncio.Event()
        Watch(transport, 0.1, later.set)
        async with asyncio.timeout(10):
            await later.wait()
        assert not stalled.is_set()


@pytest.mark.parametrize("loop", LOOPS)
def test_taken_is_what_the_client_acknowledged(loop: str) -> None:
    async def scenario() -> None:
        async with connected() as (transport, client):
            await read(client, MIB)
            assert MIB <= taken(transport) < 2 * MIB
            await read(client, 19 * MIB)
            async with asyncio.timeout(10):
                while taken(transport) < 20 * MIB:  # the last acknowledgement is on its way  # noqa: ASYNC110
                    await asyncio.sleep(0.001)
            assert taken(transport) == 20 * MIB

    run_on(loop, scenario())


async def test_who_is_gone_takes_nothing() -> None:
    async with connected() as (transport, _):
        transport.abort()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert taken(transport) == 0
