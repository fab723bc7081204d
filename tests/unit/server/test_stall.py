"""A client is let go once its own system has taken nothing for long enough, and no sooner."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from mirror.server.stall import Pace, Watch, taken
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
            Watch(transport, Pace(0.05)).begin(stalled.set)
            async with asyncio.timeout(10):
                await stalled.wait()

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_who_takes_something_each_time_has_not(loop: str) -> None:
    async def scenario() -> None:
        async with connected() as (transport, client):
            stalled = asyncio.Event()
            watch = Watch(transport, Pace(0.6))
            watch.begin(stalled.set)
            began = asyncio.get_running_loop().time()
            while asyncio.get_running_loop().time() < began + 1.8:
                await read(client, 8192)  # far less than would make room in our kernel's buffer
                await asyncio.sleep(0.02)
            assert not stalled.is_set()
            watch.end()

    run_on(loop, scenario())


async def test_a_wait_that_is_over_is_watched_no_more() -> None:
    async with connected() as (transport, _):
        stalled = asyncio.Event()
        over = Watch(transport, Pace(0.02))
        over.begin(stalled.set)
        over.end()
        later = asyncio.Event()
        Watch(transport, Pace(0.1)).begin(later.set)
        async with asyncio.timeout(10):
            await later.wait()
        assert not stalled.is_set()


@pytest.mark.parametrize("loop", LOOPS)
def test_who_takes_too_little_on_average_has_stalled(loop: str) -> None:
    """The same client twice: fast enough for the one pace, and far too slow for the other."""

    async def scenario() -> None:
        async with connected() as (transport, client):
            stalled, too_slow = asyncio.Event(), asyncio.Event()
            watches = [Watch(transport, Pace(0.6, 1024)), Watch(transport, Pace(0.25, 100 * MIB))]
            watches[0].begin(stalled.set)
            watches[1].begin(too_slow.set)
            async with asyncio.timeout(10):
                while not too_slow.is_set():
                    await read(client, 8192)
                    await asyncio.sleep(0.02)
            assert not stalled.is_set()
            watches[0].end()
            watches[1].end()

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_many_short_waits_are_one_long_one(loop: str) -> None:
    async def scenario() -> None:
        async with connected() as (transport, client):
            stalled = asyncio.Event()
            watch = Watch(transport, Pace(0.3, 100 * MIB))
            async with asyncio.timeout(10):
                while not stalled.is_set():
                    watch.begin(stalled.set)
                    await read(client, 8192)
                    await asyncio.sleep(0.02)
                    watch.end()

    run_on(loop, scenario())


async def test_what_lies_between_the_waits_is_no_waiting() -> None:
    async with connected() as (transport, client):
        stalled = asyncio.Event()
        watch = Watch(transport, Pace(0.8, 100 * MIB))
        began = asyncio.get_running_loop().time()
        while asyncio.get_running_loop().time() < began + 1.6:
            watch.begin(stalled.set)
            await read(client, 8192)
            watch.end()
            await asyncio.sleep(0.1)
        assert not stalled.is_set()


@pytest.mark.parametrize(("pace", "least"), [(Pace(60), 1), (Pace(60, 1024), 61440), (Pace(0.0001, 1024), 1)])
def test_something_has_to_be_taken_in_any_case(pace: Pace, least: float) -> None:
    assert pace.least == least


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
