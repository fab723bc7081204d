"""A connection: what is known by its bytes is answered at once, and nothing else is ever taken for it."""

from __future__ import annotations

import asyncio
import re
from typing import cast

import pytest
from aiohttp import web
from aiohttp.http_parser import RawRequestMessage
from hypothesis import given, settings
from hypothesis import strategies as st

from mirror.server.connection import Connection
from mirror.server.prepared import PreparedResponse
from mirror.server.protocol import ClientLimits, RegistryServer
from tests.support.answering import LIMITS, Answers, Served, served
from tests.support.conversation import spoken
from tests.support.loops import LOOPS, run_on
from tests.support.raw_client import RawClient, request

KNOWN = request("GET", "/known")
OTHER = request("GET", "/other")
WITH_BODY = b"POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(KNOWN)
CHUNKED = b"POST /chunks HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
HALF = b"GET /half HTTP/1.1\r\nX: "


class Learning(Answers):
    """Says what was asked, and from then on knows requests that came alone by their bytes, unless it is `blank`."""

    def __init__(self, blank: bool = False) -> None:
        super().__init__(self._say)
        self.known: dict[bytes, bytes] = {}
        self.handled: list[str] = []
        self.repeated = 0
        self.hold: asyncio.Event | None = None
        self._alone: bytes | None = None
        self._blank = blank

    async def _say(self, asked: web.BaseRequest) -> web.StreamResponse:
        self.handled.append(asked.raw_path)
        body = asked.raw_path.encode() + b" " + await asked.read()
        if self.hold is not None and asked.raw_path == "/other":
            await self.hold.wait()
        whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        alone, self._alone = self._alone, None
        if alone is not None and not self._blank and asked.keep_alive:
            self.known[alone] = whole
        return PreparedResponse(200, whole, asked.keep_alive)

    def heard(self, message: RawRequestMessage, data: bytes, peer: str) -> bytes | None:
        assert peer == "127.0.0.1"
        self._alone = data  # and is answered next
        return None

    def again(self, data: bytes, peer: str) -> bytes | None:
        assert peer == "127.0.0.1"
        answer = self.known.get(data)
        self.repeated += answer is not None
        return answer


async def knows(client: RawClient, answers: Learning) -> None:
    """Let it learn the known request."""
    assert (await said(client, KNOWN)) == b"/known "
    assert set(answers.known) == {KNOWN}


async def said(client: RawClient, data: bytes) -> bytes:
    client.send(data)
    return (await asyncio.to_thread(client.answer)).body


@pytest.mark.parametrize("loop", LOOPS)
def test_what_came_before_is_answered_without_being_understood_again(loop: str) -> None:
    async def scenario() -> None:
        answers = Learning()
        async with served(answers) as server:
            with await server.client() as client, await server.client() as another:
                await knows(client, answers)
                for each in (client, another, client):
                    assert await said(each, KNOWN) == b"/known "
                assert await said(client, OTHER) == b"/other "
                assert await said(client, KNOWN) == b"/known "
        assert answers.handled == ["/known", "/other"]
        assert answers.repeated == 4

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_it_overtakes_nothing(loop: str) -> None:
    async def scenario() -> None:
        answers = Learning()
        async with served(answers) as server:
            with await server.client() as client:
                await knows(client, answers)
                answers.hold = asyncio.Event()
                client.send(OTHER)
                async with asyncio.timeout(10):
                    while "/other" not in answers.handled:  # noqa: ASYNC110
                        await asyncio.sleep(0.005)
                client.send(KNOWN)
                async with asyncio.timeout(10):
                    while server.server.connections and waiting(server) < 2:  # noqa: ASYNC110
                        await asyncio.sleep(0.005)
                assert client.is_open()
                answers.hold.set()
                assert (await asyncio.to_thread(client.answer)).body == b"/other "
                assert (await asyncio.to_thread(client.answer)).body == b"/known "
        assert answers.repeated == 0

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (WITH_BODY, b"", b"/body " + KNOWN),
        (HALF, b"", b"/half "),
        (CHUNKED + b"%x\r\n" % len(KNOWN), b"\r\n0\r\n\r\n", b"/chunks " + KNOWN),
    ],
)
def test_in_the_midst_of_another_request_it_is_no_request(
    loop: str, before: bytes, after: bytes, expected: bytes
) -> None:
    async def scenario() -> None:
        answers = Learning()
        async with served(answers) as server:
            with await server.client() as teacher:
                await knows(teacher, answers)
            with await server.client() as client:
                client.send(before)
                await settled(server)
                client.send(KNOWN, after)
                assert (await asyncio.to_thread(client.answer)).body == expected
        assert answers.repeated == 0

    run_on(loop, scenario())


def waiting(server: Served) -> int:
    return sum(cast(Connection, each).waiting for each in server.server.connections)


def answered_no_more(server: Served) -> bool:
    """That the one client is waited for, or has been let go already: on a busy machine nobody sees it waited for."""
    return waiting(server) > 0 or not server.server.connections


async def settled(server: Served) -> None:
    """Wait until the server has read what came: the connection's own bookkeeping tells."""
    async with asyncio.timeout(10):
        while all(cast(Connection, each)._between for each in server.server.connections):  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("loop", LOOPS)
def test_who_takes_nothing_is_not_answered_more_and_more(loop: str) -> None:
    async def scenario() -> None:
        answers = Learning()
        async with served(answers, ClientLimits(connections=10, keepalive=60, stall=0.3)) as server:
            with await server.client() as teacher:
                await knows(teacher, answers)
            await server.count(0)
            answers.known[KNOWN] = b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n" + bytes(60000)
            with await server.client(window=4096) as client:
                await server.count(1)
                for asked in range(1, 1000):
                    client.send(KNOWN)
                    async with asyncio.timeout(10):
                        while answers.repeated < asked and not answered_no_more(server):  # noqa: ASYNC110
                            await asyncio.sleep(0.001)
                    if answered_no_more(server):
                        break
                await server.count(0)
        # As many as the kernel's own buffers had room for, and then no more.
        assert 0 < answers.repeated < asked < 999
        assert answers.handled == ["/known"] * 2

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_who_asks_again_is_not_idle(loop: str) -> None:
    async def scenario() -> None:
        answers, now, idle = Learning(), asyncio.get_running_loop().time, 1.5
        async with served(answers, ClientLimits(connections=10, keepalive=idle, stall=10)) as server:
            with await server.client() as client:
                await knows(client, answers)
                await asyncio.sleep(idle / 3)
                begin = now()
                assert await said(client, KNOWN) == b"/known "
                assert await asyncio.to_thread(client.is_over)
                assert now() - begin >= idle
        assert answers.repeated == 1

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_at_the_end_nothing_more_is_answered(loop: str) -> None:
    async def scenario() -> None:
        answers = Learning()
        async with served(answers) as server:
            with await server.client() as client:
                await knows(client, answers)
                server.server.pre_shutdown()
                assert await asyncio.to_thread(client.is_over)
        assert answers.repeated == 0

    run_on(loop, scenario())


PIECES = st.sampled_from(
    [KNOWN, OTHER, KNOWN + HALF, WITH_BODY, CHUNKED, HALF, b"0\r\n\r\n", b"\r\n", b"x", KNOWN[:20], KNOWN[20:]]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=8))
def test_however_the_bytes_are_cut_it_is_answered_as_without(pieces: list[bytes]) -> None:
    """The same bytes in the same pieces, once with nothing known and once with all that can be."""
    assert conversation(pieces, Learning()) == conversation(pieces, Learning(blank=True))


def conversation(pieces: list[bytes], answers: Learning) -> bytes:
    """All that is said to a client which sends these pieces, each when the server has had its turn."""

    async def scenario() -> bytes:
        server = RegistryServer(answers, LIMITS)
        await spoken(server, [KNOWN, OTHER])
        answer = await spoken(server, [*pieces, LAST])
        await server.shutdown(0.0)
        return re.sub(rb"Date: [^\r]*", b"Date: then", answer)

    return run_on("asyncio", scenario())
