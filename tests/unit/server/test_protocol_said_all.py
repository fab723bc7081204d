"""Clients that have ended their side of the connection: some wait for their answer, and some have left."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from mirror.server.protocol import ClientLimits
from tests.support.answering import Unending, served
from tests.support.loops import LOOPS, run_on
from tests.support.raw_client import request


def limits(begin: float) -> ClientLimits:
    return ClientLimits(connections=100, keepalive=60, stall=60, begin=begin)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("requests", [1, 3])
def test_who_has_said_all_and_whose_answer_does_not_begin_is_let_go(loop: str, requests: int) -> None:
    async def scenario() -> None:
        waiting = Unending()
        async with served(waiting, limits(begin=0.1)) as server:
            client = await server.client()
            client.send(request("GET", "/") * requests)
            await waiting.begun.wait()
            client.close()
            async with asyncio.timeout(10):
                await waiting.ended.wait()
            await server.count(0)

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_who_has_said_all_gets_an_answer_that_begins_in_time(loop: str) -> None:
    async def soon(_: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(0.2)
        return web.Response(text="ok")

    async def scenario() -> None:
        async with served(soon, limits(begin=20)) as server:
            with await server.client() as client:
                client.send(request("GET", "/"))
                client.finish()
                assert (await asyncio.to_thread(client.answer)).body == b"ok"
                assert await asyncio.to_thread(client.is_over)

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_who_has_said_all_gets_the_rest_of_an_answer_however_long_that_takes(loop: str) -> None:
    async def slow(asked: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "8"})
        await response.prepare(asked)
        await response.write(b"half")
        await asyncio.sleep(1)  # ten times as long as its beginning might have taken
        await response.write(b"half")
        return response

    async def scenario() -> None:
        async with served(slow, limits(begin=0.1)) as server:
            with await server.client() as client:
                client.send(request("GET", "/"))
                client.finish()
                assert (await asyncio.to_thread(client.answer)).body == b"halfhalf"

    run_on(loop, scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_each_of_several_answers_has_its_own_time_to_begin(loop: str) -> None:
    async def soon(_: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(1.2)
        return web.Response(text="ok")

    async def scenario() -> None:
        async with served(soon, limits(begin=2)) as server:
            with await server.client() as client:
                client.send(request("GET", "/") * 2)
                client.finish()
                for _ in range(2):
                    assert (await asyncio.to_thread(client.answer)).body == b"ok"

    run_on(loop, scenario())
