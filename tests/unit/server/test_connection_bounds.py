"""What one client may take of us: time for a head, room for it, a place in the queue, a share of the connections."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time

import pytest
from aiohttp import web

from mirror.errors import Code
from mirror.server.protocol import ClientLimits
from tests.support.answering import Answers, Served, served
from tests.support.loops import LOOPS, run_on
from tests.support.raw_client import RawClient, request
from tests.support.surface import noise

HEAD = 0.3  # seconds
PATIENT = ClientLimits(connections=10, keepalive=60, stall=60, head=HEAD)
LINE = "X-Long: " + "x" * 8000


async def path(asked: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text=asked.raw_path)


async def over(client: RawClient) -> bool:
    async with asyncio.timeout(10):
        return await asyncio.to_thread(client.is_over)


def drip(client: RawClient, line: bytes) -> float:
    """Send this letter by letter for as long as somebody takes it; how many seconds that was."""
    began = time.monotonic()
    try:
        for letter in line:
            client.send(bytes([letter]))
            time.sleep(0.01)
    except ConnectionError:
        return time.monotonic() - began
    raise AssertionError("it was taken to its end")


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("before", [b"", request("GET", "/before")], ids=["first", "second"])
def test_a_head_that_comes_letter_by_letter_is_not_waited_for(loop: str, before: bytes) -> None:
    async def scenario() -> None:
        async with served(path, PATIENT) as server:
            with await server.client() as client:
                if before:
                    client.send(before)
                    assert (await asyncio.to_thread(client.answer)).body == b"/before"
                seconds = await asyncio.to_thread(drip, client, b"GET / HTTP/1.1\r\nX: " + b"x" * 2000)
                assert HEAD / 2 < seconds < HEAD + 5
            await server.count(0)

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_half_a_head_behind_a_whole_one_is_not_waited_for(loop: str) -> None:
    async def scenario() -> None:
        async with served(path, PATIENT) as server:
            with await server.client() as client:
                client.send(request("GET", "/first") + b"GET /sec")
                assert (await asyncio.to_thread(client.answer)).body == b"/first"
                client.send(b"o")
                assert await over(client)

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_a_head_that_comes_in_pieces_in_time_is_answered(loop: str) -> None:
    async def scenario() -> None:
        async with served(path, ClientLimits(connections=10, keepalive=60, stall=60, head=20)) as server:
            with await server.client() as client:
                for number in range(20):
                    for piece in (b"GET /%d HTTP/1.1\r\nHo" % number, b"st: a\r\n", b"\r\n"):
                        client.send(piece)
                        await asyncio.sleep(0.001)
                    assert (await asyncio.to_thread(client.answer)).body == b"/%d" % number

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_while_it_is_answered_a_client_may_take_its_time(loop: str) -> None:
    """Half of the next head has come, and the answer to the first takes longer than a head may."""

    async def slow(asked: web.BaseRequest) -> web.StreamResponse:
        if asked.raw_path == "/slow":
            await asyncio.sleep(3 * HEAD)
        return web.Response(text=asked.raw_path)

    async def scenario() -> None:
        async with served(slow, PATIENT) as server:
            with await server.client() as client:
                client.send(request("GET", "/slow"), b"GET /next HT", b"TP/1.1\r\n")
                assert (await asyncio.to_thread(client.answer)).body == b"/slow"
                client.send(b"Host: a\r\n\r\n")
                assert (await asyncio.to_thread(client.answer)).body == b"/next"

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "in pieces"])
@pytest.mark.parametrize("before", [b"", request("GET", "/before")], ids=["first", "behind another"])
def test_a_head_that_is_too_large_is_refused(loop: str, at_once: bool, before: bytes) -> None:
    answers = Answers(path)
    large = before + request("GET", "/large", *[LINE] * 6) + request("GET", "/after")

    async def scenario() -> None:
        async with served(answers, PATIENT) as server:
            with await server.client() as client:
                pieces = [large] if at_once else [large[at : at + 1000] for at in range(0, len(large), 1000)]
                with contextlib.suppress(ConnectionError):  # refused before the last piece; the answer is there
                    for piece in pieces:
                        client.send(piece)
                        await asyncio.sleep(0)
                if before:
                    assert (await asyncio.to_thread(client.answer)).body == b"/before"
                assert (await asyncio.to_thread(client.answer)).status == 400
                assert await over(client)
        assert [code for _, code in answers.rejected] == [Code.BAD_REQUEST]

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_many_heads_together_may_be_as_large_as_they_are(loop: str) -> None:
    async def scenario() -> None:
        async with served(path, PATIENT) as server:
            with await server.client() as client:
                client.send(b"".join(request("GET", f"/{number}", *[LINE] * 3) for number in range(40)))
                for number in range(40):
                    assert (await asyncio.to_thread(client.answer)).body == b"/%d" % number

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_a_long_body_is_no_long_head(loop: str) -> None:
    async def length(asked: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text=str(len(await asked.read())))

    body = bytes(500_000)

    async def scenario() -> None:
        async with served(length, PATIENT) as server:
            with await server.client() as client:
                for _ in range(2):
                    client.send(request("POST", "/", f"Content-Length: {len(body)}"), body)
                    assert (await asyncio.to_thread(client.answer)).body == b"500000"

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_a_client_is_not_listened_to_that_has_asked_enough(loop: str) -> None:
    async def scenario() -> None:
        hold = asyncio.Event()

        async def held(asked: web.BaseRequest) -> web.StreamResponse:
            await hold.wait()
            return web.Response(text=asked.raw_path)

        async with served(held) as server:
            with await server.client() as client:
                client.socket.settimeout(0.3)
                asked = 0
                one = request("GET", "/", "X-Long: " + "x" * 4000)
                with contextlib.suppress(TimeoutError):
                    while asked < 100_000:
                        await asyncio.to_thread(client.send, one)
                        asked += 1
                assert 0 < asked < 100_000
                assert waiting(server) <= 10
                client.socket.settimeout(20)
                hold.set()
                for _ in range(asked):
                    assert (await asyncio.to_thread(client.answer)).body == b"/"

    run_on(loop, scenario())


def waiting(server: Served) -> int:
    return sum(getattr(each, "waiting", 0) for each in server.server.connections)


@pytest.mark.parametrize("loop", LOOPS)
def test_one_client_does_not_get_all_connections(loop: str) -> None:
    async def scenario() -> None:
        limits = ClientLimits(connections=10, keepalive=60, stall=60, per_client=2)
        async with served(path, limits) as server:
            with await server.client() as first, await server.client() as second, await server.client() as third:
                assert (await asyncio.to_thread(third.ask, "GET", "/")).status == 503
                assert await over(third)
                for client in (first, second):
                    assert (await asyncio.to_thread(client.ask, "GET", "/")).status == 200
                with await from_elsewhere(server) as other:
                    assert (await asyncio.to_thread(other.ask, "GET", "/")).status == 200
            await server.count(0)
            with await server.client() as again:
                assert (await asyncio.to_thread(again.ask, "GET", "/")).status == 200

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_those_who_are_turned_away_keep_nobody_out(loop: str) -> None:
    """However many of them there are at a time, none of them has a place that another one could have."""

    async def scenario() -> None:
        limits = ClientLimits(connections=400, keepalive=60, stall=60, per_client=1)
        async with served(path, limits) as server:
            crowd = [await server.client() for _ in range(600)]
            try:
                with await from_elsewhere(server) as other:
                    assert (await asyncio.to_thread(other.ask, "GET", "/")).status == 200
                heard = [b"503 Service Unavailable" in await asyncio.to_thread(one.rest) for one in crowd[1:]]
                assert sum(heard) >= 128
            finally:
                for one in crowd:
                    one.close()
            await server.count(0)

    run_on(loop, scenario())


async def from_elsewhere(server: Served) -> RawClient:
    return await asyncio.to_thread(server.client_from, "127.0.0.2")


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("rate", [0.0, 200_000.0])
def test_a_download_has_to_get_on(loop: str, rate: float) -> None:
    """A client that takes 20 KB a second all the time is let go only where that is too little."""
    body = noise("pace", 8_000_000)

    async def large(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=body)

    async def scenario() -> None:
        limits = ClientLimits(connections=10, keepalive=60, stall=0.5, rate=rate)
        async with served(large, limits) as server:
            with await server.client(window=4096) as client:
                client.send(request("GET", "/"))
                assert await asyncio.to_thread(taken_slowly, client, 2.5) == (rate > 0)

    run_on(loop, scenario())


def taken_slowly(client: RawClient, seconds: float) -> bool:
    """Read a little now and then; whether the connection has ended within the time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if not client.socket.recv(1000, socket.MSG_DONTWAIT):
                return True
        except BlockingIOError:
            pass
        except ConnectionResetError:
            return True
        time.sleep(0.05)
    return False
