"""From a request to its answer: what is refused, what is caught, and that all of it is noted."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from mirror.errors import Absent, Code, Malformed, MirrorError, Refused, Unreachable
from mirror.log import tracing
from mirror.log.access import AccessRecord
from mirror.metrics import Metrics
from mirror.oci.endpoint import Endpoint, Query
from mirror.outcome import Outcome
from mirror.pull.content import Answer
from mirror.server.access import Access, Clients
from mirror.server.dispatch import Dispatch
from mirror.server.exchange import Exchange, Lasting
from mirror.server.handlers import Handlers
from mirror.server.headers import headers_of
from mirror.server.hot import HotAnswers
from mirror.server.protocol import ClientLimits, RegistryServer
from tests.support.raw_client import RawClient, request

Handle = Callable[[Exchange], Awaitable[web.StreamResponse]]


class Endpoints(Handlers):
    """The endpoints of a registry that does the same at each of them, and counts."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self.asked: list[tuple[Endpoint, Query]] = []

    async def answer(self, exchange: Exchange, endpoint: Endpoint, query: Query) -> web.StreamResponse:
        self.asked.append((endpoint, query))
        return await self._handle(exchange)


class Dispatched:
    """A server whose requests go through a dispatch; `notes` is what the access log would hold."""

    def __init__(self, endpoints: Endpoints, notes: list[AccessRecord], address: tuple[str, int]) -> None:
        self.endpoints = endpoints
        self.notes = notes
        self._address = address

    async def client(self) -> RawClient:
        return await asyncio.to_thread(RawClient, self._address)

    async def noted(self, number: int = 1) -> list[AccessRecord]:
        """What was noted, once there is so much of it."""
        async with asyncio.timeout(10):
            while len(self.notes) < number:  # noqa: ASYNC110  # a log tells nobody
                await asyncio.sleep(0.002)
        return self.notes


@asynccontextmanager
async def dispatched(handle: Handle) -> AsyncIterator[Dispatched]:
    endpoints, notes = Endpoints(handle), list[AccessRecord]()
    hot = HotAnswers(False, lambda *_: None)
    dispatch = Dispatch(endpoints, hot, Access(Metrics("1").requests, notes.append, Clients([])))
    server = RegistryServer(dispatch, ClientLimits(100, 10, 10))
    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    try:
        yield Dispatched(endpoints, notes, listening.sockets[0].getsockname())
    finally:
        listening.close()
        server.pre_shutdown()
        await server.shutdown(0.2)


async def fine(exchange: Exchange) -> web.StreamResponse:
    return web.Response(headers=headers_of(exchange, Answer(Outcome.MISS)), body=b"fine")


def failing(error: BaseException) -> Handle:
    async def fail(_: Exchange) -> web.StreamResponse:
        raise error

    return fail


async def test_what_is_done_for_a_request_can_tell_its_number() -> None:
    told = []

    async def ask(exchange: Exchange) -> web.StreamResponse:
        told.append((exchange.request_id, tracing.current()))
        return await fine(exchange)

    async with dispatched(ask) as server:
        with await server.client() as client:
            for _ in range(2):
                await asyncio.to_thread(client.ask, "GET", "/v2/a/manifests/b")
        assert told == [(note.request_id, note.request_id) for note in await server.noted(2)]
        assert tracing.current() is None


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
async def test_only_reading_is_served(method: str) -> None:
    async with dispatched(fine) as server:
        with await server.client() as client:
            answer = await asyncio.to_thread(client.ask, method, "/v2/a/manifests/b")
            assert (answer.status, answer["Allow"], answer["Connection"]) == (405, "GET, HEAD", "close")
            assert await asyncio.to_thread(client.is_over)
        assert server.endpoints.asked == []
        (note,) = server.notes
        assert (note.method, note.status, note.outcome) == (method, 405, Outcome.DENIED)


@pytest.mark.parametrize(
    "unsound",
    [
        b"GET /v2/ HTTP/1.1\r\n\r\n",
        b"GET /v2/ HTTP/2.0\r\nHost: a\r\n\r\n",
        b"GET /v2/ HTTP/0.9\r\nHost: a\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
        b"GET /v2/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n",
        b"GET /v2/%2f HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://a/v2/ HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
async def test_what_is_unsound_is_refused_and_ends_the_connection(unsound: bytes) -> None:
    async with dispatched(fine) as server:
        with await server.client() as client:
            client.send(unsound + request("GET", "/v2/"))
            answer = await asyncio.to_thread(client.answer)
            assert (answer.version, answer.status, answer["Connection"]) == ("HTTP/1.1", 400, "close")
            assert await asyncio.to_thread(client.is_over)
        assert server.endpoints.asked == []


@pytest.mark.parametrize("sound", [b"Content-Length: 0\r\n", b"Expect: 100-continue\r\n", b"X: \xff\r\n"])
async def test_what_is_merely_odd_is_answered(sound: bytes) -> None:
    async with dispatched(fine) as server:
        with await server.client() as client:
            client.send(b"GET /v2/ HTTP/1.1\r\nHost: a\r\n" + sound + b"\r\n")
            assert (await asyncio.to_thread(client.answer)).body == b"fine"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Absent("none"), 404),
        (Refused("no"), 403),
        (Malformed("n", code=Code.PAGINATION_NUMBER_INVALID), 400),
        (Unreachable("out"), 503),
        (MirrorError("oh"), 500),
    ],
)
async def test_an_error_is_an_answer_and_the_connection_goes_on(error: MirrorError, status: int) -> None:
    async with dispatched(failing(error)) as server:
        with await server.client() as client:
            for _ in range(3):
                answer = await asyncio.to_thread(client.ask, "GET", "/v2/a/manifests/b")
                assert (answer.status, answer.get("Connection")) == (status, None)
                assert json.loads(answer.body)["errors"][0]["message"] == str(error)
        assert [note.reason for note in server.notes] == [str(error)] * 3


async def test_a_fault_of_ours_tells_the_client_nothing_and_the_log_everything(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with dispatched(failing(ValueError("the secret"))) as server:
        with await server.client() as client:
            answer = await asyncio.to_thread(client.ask, "GET", "/v2/")
            assert (answer.status, json.loads(answer.body)["errors"][0]["code"]) == (500, "INTERNAL")
            assert b"secret" not in answer.body
            assert (await asyncio.to_thread(client.ask, "GET", "/v2/")).status == 500
        assert [note.outcome for note in server.notes] == [Outcome.ERROR] * 2
    first = caplog.records[0]
    assert answer["X-Request-ID"] in first.getMessage()
    assert first.exc_info is not None


async def test_a_fault_after_the_answer_has_begun_breaks_it_off(caplog: pytest.LogCaptureFixture) -> None:
    async def fails(exchange: Exchange) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(exchange.request)
        await response.write(b"half")
        raise ValueError("a fault of ours")

    async with dispatched(fails) as server:
        with await server.client() as client:
            client.send(request("GET", "/v2/"))
            said = await asyncio.to_thread(client.rest)
            assert said.endswith(b"\r\n\r\nhalf")
            assert said.count(b"HTTP/1.1") == 1
    assert len(caplog.records) == 1


async def test_a_client_that_leaves_is_noted_as_such() -> None:
    begun = asyncio.Event()

    async def waits(_: Exchange) -> web.StreamResponse:
        begun.set()
        await asyncio.Event().wait()
        return web.Response()

    async with dispatched(waits) as server:
        client = await server.client()
        client.send(request("GET", "/v2/"))
        await begun.wait()
        client.reset()
        (note,) = await server.noted()
        assert (note.status, note.reason, note.bytes) == (499, "the connection has ended", 0)


async def test_what_lasts_is_answered_without_asking_again() -> None:
    async def lasts(exchange: Exchange) -> web.StreamResponse:
        exchange.kind, exchange.lasting = "blob", Lasting("sha256:0", b"fine")
        return web.Response(headers=headers_of(exchange, Answer(Outcome.HIT)), body=b"fine")

    async with dispatched(lasts) as server:
        with await server.client() as client:
            bodies = [(await asyncio.to_thread(client.ask, "GET", "/v2/a/tags/list")).body for _ in range(3)]
        assert bodies == [b"fine"] * 3
        assert len(server.endpoints.asked) == 1
        assert [(note.status, note.kind, note.bytes) for note in server.notes][1:] == [(200, "blob", 4)] * 2


async def test_what_is_no_request_is_answered_and_noted() -> None:
    async with dispatched(fine) as server:
        with await server.client() as client:
            client.send(b"nonsense\r\n\r\n")
            answer = await asyncio.to_thread(client.answer)
            assert (answer.version, answer.status, answer["Connection"]) == ("HTTP/1.1", 400, "close")
        (note,) = server.notes
        assert (note.request_id, note.status, note.client) == (answer["X-Request-ID"], 400, "127.0.0.1")


async def test_a_try_with_tls_is_answered_the_same_and_told_for_debugging_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with dispatched(fine) as server:
        bodies = []
        for said in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"nonsense\r\n\r\n"):
            with await server.client() as client, caplog.at_level(logging.DEBUG, "mirror.server.dispatch"):
                client.send(said)
                answer = await asyncio.to_thread(client.answer)
                assert (answer.status, answer["Connection"], bool(answer["X-Request-ID"])) == (400, "close", True)
                bodies.append(answer.body)
        assert bodies[0] == bodies[1]
        (note,) = server.notes
        assert note.request_id == answer["X-Request-ID"]
    (told,) = caplog.records
    assert (told.levelno, told.getMessage().partition(" ")[0]) == (logging.DEBUG, "127.0.0.1")
