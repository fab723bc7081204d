"""Lines of an answer reach whoever reads them, and wait for nobody who does not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web

from mirror.admin.lines import LINES, finish, lines, write
from tests.support.operator import operating

PATH = "/api/v1/lines"


async def test_what_is_written_is_read_as_lines() -> None:
    async def told(request: web.Request) -> web.StreamResponse:
        answer = lines()
        await answer.prepare(request)
        for line in (b"{}\n", b'{"a": 1}\n'):
            await write(request, answer, line, 60.0)
        await finish(request, answer, 60.0)
        return answer

    async with (
        operating([web.get(PATH, told)]) as operator,
        aiohttp.ClientSession() as session,
        session.get(operator.url + PATH) as response,
    ):
        assert (response.headers["Content-Type"], response.headers["Cache-Control"]) == (LINES, "no-store")
        assert await response.read() == b'{}\n{"a": 1}\n'


async def lines_without_end(request: web.Request, answer: web.StreamResponse) -> None:
    while True:
        await write(request, answer, bytes(1_000_000), 0.05)


async def the_end(request: web.Request, answer: web.StreamResponse) -> None:
    assert isinstance(request.transport, asyncio.Transport)
    await answer.write(b"\n")
    much = bytes(32_000_000)  # more than the kernel keeps for a client
    request.transport.write(b"%x\r\n%b\r\n" % (len(much), much))
    await finish(request, answer, 0.05)


@pytest.mark.parametrize("tell", [lines_without_end, the_end])
async def test_who_reads_nothing_is_gone(tell: Callable[[web.Request, web.StreamResponse], Awaitable[None]]) -> None:
    gone: asyncio.Future[ConnectionError] = asyncio.get_running_loop().create_future()

    async def told(request: web.Request) -> web.StreamResponse:
        answer = lines()
        await answer.prepare(request)
        try:
            await tell(request, answer)
        except ConnectionError as error:
            gone.set_result(error)
        return answer

    async with (
        operating([web.get(PATH, told)]) as operator,
        aiohttp.ClientSession() as session,
        session.get(operator.url + PATH) as response,
    ):
        async with asyncio.timeout(60):
            assert isinstance(await gone, ConnectionAbortedError)
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()
