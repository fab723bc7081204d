"""The operator's listener: an application behind bounds."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from mirror.config.addresses import ListenAddress
from mirror.errors import MirrorError
from mirror.server.operating import AdminListener, listen_admin
from tests.support.loops import LOOPS, run_on
from tests.support.raw_client import RawClient, request

ANY = ListenAddress("127.0.0.1", 0)


def application() -> web.Application:
    async def path(asked: web.Request) -> web.Response:
        return web.Response(text=asked.path)

    async def fails(_: web.Request) -> web.Response:
        raise ValueError("a fault with a secret in it")

    app = web.Application()
    app.router.add_get("/here", path)
    app.router.add_get("/fault", fails)
    return app


@contextlib.asynccontextmanager
async def listening(*addresses: ListenAddress) -> AsyncIterator[AdminListener]:
    listener = await listen_admin(application(), addresses or [ANY])
    try:
        yield listener
    finally:
        await listener.cleanup()


async def client(listener: AdminListener) -> RawClient:
    return await asyncio.to_thread(RawClient, listener.addresses[0])


@pytest.mark.parametrize("loop", LOOPS)
def test_an_address_that_is_taken_is_named_and_nothing_is_left_open(loop: str) -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = ListenAddress("127.0.0.1", taken.getsockname()[1])
            with pytest.raises(MirrorError, match=f"cannot listen on {address}: Address .*admin.listen"):
                await listen_admin(application(), [ANY, address])

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_the_application_answers_at_all_of_them(loop: str) -> None:
    async def scenario() -> None:
        async with listening(ANY, ANY) as listener:
            for address in listener.addresses:
                with await asyncio.to_thread(RawClient, address) as one:
                    assert (await asyncio.to_thread(one.ask, "GET", "/here")).body == b"/here"
                    assert (await asyncio.to_thread(one.ask, "GET", "/nowhere")).status == 404
                    assert (await asyncio.to_thread(one.ask, "POST", "/here")).status == 405
        with pytest.raises(ConnectionRefusedError):
            await asyncio.to_thread(RawClient, address)

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    "nonsense",
    [
        b"GET /<secret> HTTP/1.1\r\n \r\n\r\n",
        b"secret\r\n\r\n",
        request("GET", "/here", *["X-Secret: " + "secret" * 1000] * 6),
    ],
    ids=["no header", "no request", "too large"],
)
def test_what_is_no_http_is_refused_and_not_repeated(loop: str, nonsense: bytes) -> None:
    async def scenario() -> None:
        async with listening() as listener:
            with await client(listener) as one:
                one.send(nonsense)
                answer = await asyncio.to_thread(one.answer)
                assert answer.status == 400
                assert b"secret" not in answer.body
                assert await asyncio.to_thread(one.is_over)

    run_on(loop, scenario())


@pytest.mark.parametrize("path", ["/here", "/nowhere"])
async def test_an_expectation_that_nobody_meets_is_refused_and_not_repeated(path: str) -> None:
    async with listening() as listener:
        with await client(listener) as asking:
            answer = await asyncio.to_thread(asking.ask, "GET", path, "Expect: a-secret")
            assert answer.status == 400
            assert b"secret" not in answer.body


async def test_a_fault_is_told_to_nobody_but_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async with listening() as listener:
        with await client(listener) as one:
            answer = await asyncio.to_thread(one.ask, "GET", "/fault")
            assert (answer.status, b"secret" in answer.body) == (500, False)
    assert [record.getMessage() for record in caplog.records] == ["a request failed outside its handler"]


@pytest.mark.parametrize("loop", LOOPS)
def test_there_is_an_end_to_operators_too(loop: str) -> None:
    async def scenario() -> None:
        async with listening() as listener:
            crowd = [await client(listener) for _ in range(64)]
            for one in crowd:
                assert (await asyncio.to_thread(one.ask, "GET", "/here")).status == 200
            with await client(listener) as more:
                assert (await asyncio.to_thread(more.ask, "GET", "/here")).status == 503
            for one in crowd:
                one.close()

    run_on(loop, scenario())


async def test_what_was_ordered_is_done_though_nobody_waits_for_it() -> None:
    begun, go_on, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def order(_: web.Request) -> web.Response:
        begun.set()
        await go_on.wait()
        done.set()
        return web.Response()

    app = web.Application()
    app.router.add_post("/order", order)
    listener = await listen_admin(app, [ANY])
    try:
        with await client(listener) as one:
            one.send(request("POST", "/order"))
            await begun.wait()
        await asyncio.sleep(0.05)
        go_on.set()
        async with asyncio.timeout(10):
            await done.wait()
    finally:
        await listener.cleanup()
