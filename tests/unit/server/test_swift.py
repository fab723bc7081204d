"""What is in memory is said at once, by whoever is at rest: nothing is overtaken, nobody is woken, nothing is lost."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from aiohttp.http_parser import RawRequestMessage

from mirror.server.prepared import PreparedResponse
from mirror.server.protocol import ClientLimits
from tests.support.answering import Answers, served
from tests.support.loops import LOOPS, run_on
from tests.support.raw_client import RawClient, request

SWIFT = "/swift"


class Memory(Answers):
    """Has the answers to whatever begins with /swift in memory; all else is handled, when it is let."""

    def __init__(self) -> None:
        super().__init__(self._say)
        self.at_once: list[str] = []
        self.handled: list[str] = []
        self.arrived = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()

    async def _say(self, asked: web.BaseRequest) -> web.StreamResponse:
        self.handled.append(asked.raw_path)
        self.arrived.set()
        await self.go.wait()
        return PreparedResponse(200, said(asked.raw_path), asked.keep_alive)

    def heard(self, message: RawRequestMessage, data: bytes, peer: str) -> bytes | None:
        assert peer == "127.0.0.1"
        assert data.startswith(f"{message.method} {message.path} ".encode())
        if message.should_close or not message.path.startswith(SWIFT):
            return None
        self.at_once.append(message.path)
        return said(message.path)


def said(path: str) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(path), path.encode())


async def asked(client: RawClient, target: str, *lines: str) -> str:
    return (await asyncio.to_thread(client.ask, "GET", target, *lines)).body.decode()


@pytest.mark.parametrize("loop", LOOPS)
def test_both_ways_take_turns_on_one_connection(loop: str) -> None:
    async def scenario() -> None:
        answers = Memory()
        async with served(answers) as server:
            with await server.client() as client:
                order = ["/swift/1", "/slow/1", "/swift/2", "/swift/3", "/slow/2", "/slow/3", "/swift/4"]
                assert [await asked(client, target) for target in order] == order
                assert await asked(client, "/swift/last", "Connection: close") == "/swift/last"
                assert await asyncio.to_thread(client.is_over)
        assert answers.at_once == ["/swift/1", "/swift/2", "/swift/3", "/swift/4"]
        assert answers.handled == ["/slow/1", "/slow/2", "/slow/3", "/swift/last"]

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_nothing_is_overtaken(loop: str) -> None:
    async def scenario() -> None:
        answers = Memory()
        answers.go.clear()
        async with served(answers) as server:
            with await server.client() as client, await server.client() as other:
                client.send(request("GET", "/slow"), request("GET", "/swift/behind"))
                async with asyncio.timeout(10):
                    await answers.arrived.wait()
                assert await asked(other, "/swift/other") == "/swift/other"
                assert client.is_open()
                answers.go.set()
                for expected in ("/slow", "/swift/behind"):
                    assert (await asyncio.to_thread(client.answer)).body.decode() == expected

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_several_at_a_time_are_answered_in_order(loop: str) -> None:
    async def scenario() -> None:
        async with served(Memory()) as server:
            with await server.client() as client:
                order = [f"/{'swift' if number % 3 else 'slow'}/{number}" for number in range(40)]
                for first in range(0, 40, 5):
                    client.send(b"".join(request("GET", target) for target in order[first : first + 5]))
                    for expected in order[first : first + 5]:
                        assert (await asyncio.to_thread(client.answer)).body.decode() == expected

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_thousands_on_one_connection_do_not_stop_it(loop: str) -> None:
    """What the parser lets through at a time is bounded; each that is answered makes room for the next."""

    async def scenario() -> None:
        answers = Memory()
        async with served(answers) as server:
            with await server.client() as client:

                def ask() -> None:
                    for number in range(300):
                        assert client.ask("GET", f"/swift/{number}").status == 200

                await asyncio.to_thread(ask)
                assert await asked(client, "/slow") == "/slow"
        assert len(answers.at_once) == 300

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_after_a_large_head_it_goes_on_as_before(loop: str) -> None:
    """Its spaces are no part of what it says: it is not too large, and yet it was looked at."""
    spacious = [f"X-{number}: {' ' * 8000}x" for number in range(5)]

    async def scenario() -> None:
        async with served(Memory()) as server:
            with await server.client() as client:
                for target in ("/large", "/swift/large"):
                    assert await asked(client, target, *spacious) == target
                    assert await asked(client, "/swift") == "/swift"

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_a_client_that_is_answered_so_is_idle_afterwards_and_not_before(loop: str) -> None:
    async def scenario() -> None:
        now, idle = asyncio.get_running_loop().time, 1.5
        async with served(Memory(), ClientLimits(connections=10, keepalive=idle, stall=10)) as server:
            with await server.client() as client:
                await asyncio.sleep(idle / 3)
                begin = now()
                assert await asked(client, "/swift") == "/swift"
                async with asyncio.timeout(20):
                    assert await asyncio.to_thread(client.is_over)
                assert now() - begin >= idle

    run_on(loop, scenario())
