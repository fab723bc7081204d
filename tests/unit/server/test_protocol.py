"""The server's connections: how many, how long, and what is said to who speaks no HTTP."""

from __future__ import annotations

import asyncio
import logging
import socket

import pytest
from aiohttp import http_parser, web

from mirror.errors import Code
from mirror.server.protocol import ClientLimits, RegistryServer
from tests.support.answering import LIMITS, Answers, Unending, served
from tests.support.checker import until
from tests.support.loops import LOOPS, run_on
from tests.support.raw_client import Answer, RawClient, request


async def ok(_: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text="ok")


async def ask(client: RawClient, path: str = "/") -> Answer:
    return await asyncio.to_thread(client.ask, "GET", path)


async def over(client: RawClient) -> bool:
    return await asyncio.to_thread(client.is_over)


def test_the_parser_that_is_not_safe_is_not_served_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_parser, "HttpRequestParser", http_parser.HttpRequestParserPy)
    with pytest.raises(RuntimeError, match="C extension"):
        RegistryServer(Answers(ok), LIMITS)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    "nonsense", [b"\x16\x03\x01\x02\x00", b"GET / HTTP/9.9\r\n\r\n", b"GET /<secret> HTTP/1.1\r\n \r\n\r\n"]
)
def test_what_is_no_http_is_rejected_without_a_word_in_the_log(
    loop: str, nonsense: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with served(ok) as server:
            with await server.client() as client:
                client.send(nonsense)
                answer = await asyncio.to_thread(client.answer)
                assert answer.status == 400
                assert b"secret" not in answer.body
                assert await over(client)
            assert [code for _, code in server.answers.rejected] == [Code.BAD_REQUEST]
            assert server.answers.tried_tls == nonsense.startswith(b"\x16")

    with caplog.at_level(logging.INFO):
        run_on(loop, scenario())
    assert caplog.records == []


@pytest.mark.parametrize("loop", LOOPS)
def test_what_one_that_is_turned_away_says_is_not_looked_at(loop: str, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with served(ok, ClientLimits(connections=0, keepalive=60, stall=60)) as server:
            with await server.client() as client:
                client.send(b"GET / HTTP/1.1\r\n" + 6 * (b"X: " + b"x" * 8000 + b"\r\n"))
                assert (await asyncio.to_thread(client.answer)).status == 503
                assert await over(client)
            await server.count(0)
            assert server.answers.rejected == []

    with caplog.at_level(logging.INFO):
        run_on(loop, scenario())
    assert caplog.records == []


async def test_what_comes_before_the_nonsense_is_answered() -> None:
    async with served(ok) as server:
        with await server.client() as client:
            assert (await ask(client)).body == b"ok"
            client.send(b"nonsense\r\n\r\n")
            assert (await asyncio.to_thread(client.answer)).status == 400
            assert await over(client)


@pytest.mark.parametrize("error", [ValueError("a fault of ours"), TimeoutError()])
async def test_a_fault_outside_the_dispatch_is_an_internal_error_and_logged(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails(_: web.BaseRequest) -> web.StreamResponse:
        raise error

    async with served(fails) as server:
        with await server.client() as client:
            assert (await ask(client)).status == 500
            assert await over(client)
        assert [code for _, code in server.answers.rejected] == [Code.INTERNAL]
    assert [record.getMessage() for record in caplog.records] == ["a request failed outside its handler"]


async def test_a_fault_in_the_midst_of_an_answer_breaks_it_off() -> None:
    async def fails(asked: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(asked)
        await response.write(b"half")
        raise ValueError("a fault of ours")

    async with served(fails) as server:
        with await server.client() as client:
            client.send(request("GET", "/"))
            said = await asyncio.to_thread(client.rest)
            assert said.endswith(b"\r\n\r\nhalf")
            assert said.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("loop", LOOPS)
def test_one_too_many_is_told_so(loop: str) -> None:
    async def scenario() -> None:
        async with served(ok, ClientLimits(connections=2, keepalive=10, stall=10)) as server:
            with await server.client() as first, await server.client() as second:
                assert (await ask(first)).status == (await ask(second)).status == 200
                with await server.client() as third:
                    answer = await ask(third)
                    assert (answer.status, answer["Retry-After"], answer["Connection"]) == (503, "5", "close")
                    assert answer["Cache-Status"] == "mirror; detail=busy"
                    assert b"BUSY" in answer.body
                    assert await over(third)
                await server.count(2)
                assert (await ask(first)).status == 200
            await server.count(0)
            with await server.client() as fourth:
                assert (await ask(fourth)).status == 200
            assert server.server.admission.refused == 1

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_who_is_turned_away_and_says_nothing_is_gone_all_the_same(loop: str) -> None:
    async def scenario() -> None:
        async with served(ok, ClientLimits(connections=0, keepalive=60, stall=60)) as server:
            with await server.client(), await server.client():
                await server.count(2)
                await server.count(0)

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_who_is_idle_is_let_go(loop: str) -> None:
    async def scenario() -> None:
        async with served(ok, ClientLimits(connections=10, keepalive=0.8, stall=60)) as server:
            with await server.client() as quiet, await server.client() as asking:
                assert (await ask(asking)).status == 200
                assert await over(quiet)
                assert await over(asking)

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("length", [1000, 3_000_000])
def test_who_takes_nothing_is_let_go(loop: str, length: int) -> None:
    async def large(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=bytes(length))

    async def scenario() -> None:
        async with served(large, ClientLimits(connections=10, keepalive=60, stall=0.2)) as server:
            with await server.client(window=4096) as client:
                client.socket.settimeout(0.1)
                with pytest.raises((TimeoutError, ConnectionError)):
                    await asyncio.to_thread(client.send, request("GET", "/") * 200_000)
                await server.count(0)

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_before_the_end_idle_connections_go_and_busy_ones_stay(loop: str) -> None:
    async def scenario() -> None:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def slow(asked: web.BaseRequest) -> web.StreamResponse:
            if asked.raw_path == "/slow":
                begun.set()
                await go_on.wait()
            return web.Response(text="ok")

        async with served(slow) as server:
            with await server.client() as idle, await server.client() as new, await server.client() as busy:
                await ask(idle)
                await ask(busy)
                await server.count(3)
                assert server.server.busy == 0
                busy.send(request("GET", "/slow") + request("GET", "/never"))
                await begun.wait()
                assert server.server.busy == 1
                server.server.pre_shutdown()
                assert await over(idle)
                assert await over(new)
                assert server.server.busy == 1
                go_on.set()
                assert (await asyncio.to_thread(busy.answer)).body == b"ok"
                assert await over(busy)
                await server.count(0)
                assert server.server.busy == 0

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_an_answer_is_not_over_before_the_client_has_room_for_it(loop: str) -> None:
    async def large(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=bytes(20_000_000))

    async def scenario() -> None:
        async with served(large) as server:
            with await server.client(window=4096) as client:
                client.send(request("GET", "/"))
                await asyncio.to_thread(client.receive, 1)
                assert server.server.busy == 1
                await asyncio.to_thread(client.take, 19_999_000)
                async with asyncio.timeout(10):
                    while server.server.busy:  # noqa: ASYNC110
                        await asyncio.sleep(0.005)

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_who_has_said_all_is_answered_and_let_go(loop: str) -> None:
    async def scenario() -> None:
        async with served(ok) as server:
            with await server.client() as client:
                client.send(request("GET", "/"))
                client.finish()
                assert (await asyncio.to_thread(client.answer)).body == b"ok"
                assert await over(client)

    run_on(loop, scenario())


async def test_who_leaves_in_the_midst_of_an_answer_ends_it() -> None:
    waiting = Unending()
    async with served(waiting) as server:
        client = await server.client()
        client.send(request("GET", "/"))
        await waiting.begun.wait()
        client.reset()
        async with asyncio.timeout(10):
            await waiting.ended.wait()


@pytest.mark.parametrize("loop", LOOPS)
def test_what_is_made_a_connection_only_when_the_server_leaves_is_closed(loop: str) -> None:
    async def scenario() -> None:
        server = RegistryServer(Answers(ok), LIMITS)
        server.pre_shutdown()
        await server.shutdown(0)
        ours, theirs = socket.socketpair()
        with theirs:
            theirs.setblocking(False)
            await asyncio.get_running_loop().connect_accepted_socket(server, ours)
            async with asyncio.timeout(10):
                assert await asyncio.get_running_loop().sock_recv(theirs, 1) == b""
        await until(lambda: server.connections == [])
        assert server.turned_away == 0

    run_on(loop, scenario())
