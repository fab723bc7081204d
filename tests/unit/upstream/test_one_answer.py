"""What comes beside the answer that was asked for: over real connections, and byte by byte into one of them."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp.client_exceptions import ClientResponseError
from aiohttp.http_exceptions import HttpProcessingError

from mirror.upstream.one_answer import Connector, OneAnswer
from tests.support.authority import Authority
from tests.support.loops import LOOPS, run_on
from tests.support.raw import RawUpstream, Until, answer
from tests.support.tunnel import TunnelProxy

FORGED = answer("200 OK", ["Content-Length: 6"], b"forged")
GOOD = [answer("200 OK", ["Content-Length: 4"], b"good")]
LARGE = b"x" * 700_000  # more than is kept of a body that nobody reads


@dataclass(frozen=True, slots=True)
class Kind:
    """A sound answer, and the body that a client gets of it."""

    data: bytes
    body: bytes = b"body"
    method: str = "GET"


KINDS = {
    "of a length": Kind(answer("200 OK", ["Content-Length: 4"], b"body")),
    "large": Kind(answer("200 OK", [f"Content-Length: {len(LARGE)}"], LARGE), LARGE),
    "empty": Kind(answer("200 OK", ["Content-Length: 0"]), b""),
    "an error": Kind(answer("404 Not Found", ["Content-Length: 4"], b"body")),
    "chunked": Kind(answer("200 OK", ["Transfer-Encoding: chunked"], b"4\r\nbody\r\n0\r\n\r\n")),
    "chunked, with a trailer": Kind(
        answer("200 OK", ["Transfer-Encoding: chunked"], b"4\r\nbody\r\n0\r\nA: b\r\n\r\n")
    ),
    "to HEAD": Kind(answer("200 OK", ["Content-Length: 4"]), b"", "HEAD"),
    "without content": Kind(answer("204 No Content"), b""),
    "not modified": Kind(answer("304 Not Modified", ["Content-Length: 4"]), b""),
    "after interim ones": Kind(
        answer("100 Continue")
        + answer("103 Early Hints", ["Link: </>"])
        + answer("200 OK", ["Content-Length: 4"], b"body")
    ),
    "of a length with thousands of zeros": Kind(answer("200 OK", ["Content-Length: " + 5000 * "0" + "4"], b"body")),
    "with bare line feeds": Kind(b"HTTP/1.1 200 OK\nContent-Length: 4\n\nbody"),
}
SURPLUS = {
    "an answer": FORGED,
    "half an answer": FORGED[:25],
    "a head": FORGED[:-6],
    "a body": b"{}",
    "an interim answer": answer("100 Continue"),
}


@dataclass(slots=True)
class Client:
    """Asks by a connector of the kind that is tested; `told` are the addresses of those who said too much."""

    tls: ssl.SSLContext | bool = True
    proxy: str | None = None
    told: list[str] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def surplus(self, address: str) -> None:
        self.told.append(address)
        self.news.set()

    def session(self) -> aiohttp.ClientSession:
        timeout = aiohttp.ClientTimeout(total=60)
        return aiohttp.ClientSession(connector=Connector(self.surplus, None, None), timeout=timeout)

    async def ask(self, session: aiohttp.ClientSession, url: str, method: str = "GET") -> bytes:
        async with session.request(method, url, ssl=self.tls, proxy=self.proxy) as response:
            return await response.read()


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Callable[[Awaitable[None]], None]:
    def run(work: Awaitable[None]) -> None:
        async def within() -> None:
            async with asyncio.timeout(20):
                await work

        run_on(request.param, within())

    return run


Run = Callable[[Awaitable[None]], None]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_after_an_answer_and_no_more_the_connection_is_used_again(run: Run, kind: Kind) -> None:
    async def work() -> None:
        client = Client()
        async with RawUpstream([kind.data], GOOD) as server, client.session() as session:
            assert await client.ask(session, server.url, kind.method) == kind.body
            assert await client.ask(session, server.url) == b"good"
            assert (server.connections, client.told) == (1, [])

    run(work())


@pytest.mark.parametrize("surplus", SURPLUS.values(), ids=SURPLUS)
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_what_follows_an_answer_is_never_the_next_ones_and_ends_the_connection(
    run: Run, kind: Kind, surplus: bytes
) -> None:
    async def work() -> None:
        client = Client()
        async with RawUpstream([kind.data + surplus], GOOD) as server, client.session() as session:
            assert await client.ask(session, server.url, kind.method) == kind.body
            for _ in range(2):
                assert await client.ask(session, server.url) == b"good"
            assert server.connections == 2
            # What follows a large body may be found unread, of which nobody is told.
            assert set(client.told) <= {f"127.0.0.1 port {server.port}"}
            assert len(client.told) == 1 or kind.body is LARGE

    run(work())


@pytest.mark.parametrize("surplus", SURPLUS.values(), ids=SURPLUS)
@pytest.mark.parametrize("status", ["200 OK", "099 There is no such"])
def test_what_comes_while_nothing_is_asked_ends_the_connection(run: Run, status: str, surplus: bytes) -> None:
    async def work() -> None:
        client, idle = Client(), asyncio.Event()
        first = answer(status, ["Content-Length: 4"], b"body")
        async with RawUpstream([first, Until(idle), surplus], GOOD) as server, client.session() as session:
            assert await client.ask(session, server.url) == b"body"
            idle.set()
            await client.news.wait()
            assert await client.ask(session, server.url) == b"good"
            assert (server.connections, len(client.told)) == (2, 1)

    run(work())


@pytest.mark.parametrize("pause", [False, True], ids=["at once", "later"])
def test_a_body_that_makes_no_sense_in_its_middle_breaks_off(run: Run, pause: bool) -> None:
    begun = answer("200 OK", ["Transfer-Encoding: chunked"], b"4\r\nbody")

    async def work() -> None:
        client, later = Client(), asyncio.Event()
        waiting: list[bytes | Until] = [Until(later)] if pause else []
        script = [begun, *waiting, b"nonsense\r\n0\r\n\r\n"]

        async def ask(session: aiohttp.ClientSession) -> None:
            async with session.get(server.url) as response:
                if pause:
                    assert await response.content.readexactly(4) == b"body"
                later.set()
                await asyncio.wait_for(response.read(), 20)

        async with RawUpstream(script, GOOD) as server, client.session() as session:
            with pytest.raises(aiohttp.ClientError):
                await ask(session)
            assert await client.ask(session, server.url) == b"good"
            assert server.connections == 2

    run(work())


@pytest.mark.parametrize("kind", ["of a length", "large", "chunked"])
def test_over_tls_and_through_a_tunnel_it_is_the_same(run: Run, kind: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    async def work() -> None:
        async with TunnelProxy() as proxy:
            for way in (None, proxy.url):
                client = Client(authority.client(), way)
                script = [KINDS[kind].data + FORGED]
                tls = authority.server("127.0.0.1")
                async with RawUpstream(script, GOOD, tls=tls) as server, client.session() as session:
                    assert await client.ask(session, server.url) == KINDS[kind].body
                    for _ in range(2):
                        assert await client.ask(session, server.url) == b"good"
                    assert server.connections == 2

    run(work())


# One connection, by hand


class Wire(asyncio.Transport):
    """Where a connection's bytes would go. `held` is handed on a turn of the loop after reading resumes, as by TLS."""

    def __init__(self, connection: OneAnswer, held: bytes = b"") -> None:
        here, self.there = socket.socketpair()
        super().__init__({"socket": here, "peername": ("192.0.2.1", 443)})
        self.here = here
        self.aborted = False
        self.held = held
        self._connection = connection

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        held, self.held = self.held, b""
        if held:
            asyncio.get_running_loop().call_soon(self._connection.data_received, held)

    def close(self) -> None:
        if self.held:
            self._connection.data_received(self.held)
        if self.aborted:
            raise RuntimeError("as TLS says when it is to close, and is aborted by what it hands on before")

    def end(self) -> None:
        self.here.close()
        self.there.close()


@dataclass(slots=True)
class Line:
    """A connection on which a request has been made, unless it has not been `asked`."""

    connection: OneAnswer
    wire: Wire
    told: list[str]

    @classmethod
    def open(cls, held: bytes = b"") -> Line:
        told: list[str] = []
        connection = OneAnswer(told.append, asyncio.get_running_loop())
        wire = Wire(connection, held)
        connection.connection_made(wire)
        return cls(connection, wire, told)

    def ask(self, method: str = "GET") -> None:
        self.connection.set_response_params(
            skip_payload=method == "HEAD", read_until_eof=True, auto_decompress=False, read_bufsize=256 * 1024
        )

    async def heard(self) -> bytes:
        """The body of the answer."""
        while True:
            message, body = await self.connection.read()
            if message.code >= 200:
                return await body.read()


@pytest.mark.parametrize("surplus", [b"", FORGED, b"HTTP/1.1 2"], ids=["nothing", "an answer", "half an answer"])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "large"])
async def test_it_makes_no_difference_where_what_comes_is_cut(kind: str, surplus: bytes) -> None:
    data = KINDS[kind].data + surplus
    ways = [[data[:at], data[at:]] for at in range(1, len(data))] + [[data[at : at + 1] for at in range(len(data))]]
    for pieces in ways:
        line = Line.open()
        line.ask(KINDS[kind].method)
        for piece in filter(None, pieces):
            line.connection.data_received(piece)
        assert await line.heard() == KINDS[kind].body
        await asyncio.sleep(0)
        assert line.connection.is_connected() is not bool(surplus)
        assert line.connection.should_close is bool(line.told) is bool(surplus)
        assert len(line.connection) == 0
        line.wire.end()


async def test_an_answer_before_there_was_a_request_is_none() -> None:
    line = Line.open()
    line.connection.data_received(b"H")
    line.ask()
    line.connection.data_received(FORGED)
    with pytest.raises(HttpProcessingError):
        await line.heard()
    assert (len(line.told), line.connection.should_close) == (1, True)
    line.wire.end()


async def test_what_has_come_and_was_not_read_yet_makes_a_connection_useless() -> None:
    for end in (False, True):
        line = Line.open()
        assert line.connection.is_connected()
        if end:
            line.wire.there.close()
        else:
            line.wire.there.send(b"H")
        assert not line.connection.is_connected()
        line.ask()
        assert line.connection.is_connected()  # now it may be an answer
        line.wire.end()


@pytest.mark.parametrize("held", [b"", FORGED], ids=["nothing", "an answer"])
async def test_what_tls_holds_back_while_a_body_is_not_read_is_waited_for(held: bytes) -> None:
    line = Line.open(held)
    line.ask()
    line.connection.data_received(KINDS["large"].data)
    _, body = await line.connection.read()
    got = body.read_nowait(-1)
    while not body.is_eof():
        got += body.read_nowait(-1)
    assert got + body.read_nowait(-1) == LARGE
    assert not line.connection.is_connected()  # nobody knows yet
    for _ in range(2):
        await asyncio.sleep(0)
    assert line.connection.is_connected() is not bool(held)
    assert line.wire.aborted is bool(line.told) is bool(held)
    line.wire.end()


async def test_a_connection_is_not_torn_down_by_what_tls_hands_on_while_it_closes() -> None:
    line = Line.open()
    line.ask()
    line.connection.data_received(GOOD[0])
    assert await line.heard() == b"good"
    line.wire.held = FORGED
    line.connection.close()
    await asyncio.sleep(0)
    assert (len(line.told), line.wire.aborted) == (1, True)
    line.wire.end()


async def test_where_the_parser_alone_sees_the_end_of_a_head_the_connection_is_used_for_no_other_answer() -> None:
    line = Line.open()
    line.ask()
    line.connection.data_received(b"HTTP/1.1 200 OK\r\n \r\nbody")
    message, _ = await line.connection.read()
    assert message.code == 200
    assert (len(line.told), line.connection.should_close) == (1, True)
    line.wire.end()


async def test_a_flood_of_empty_lines_is_no_work() -> None:
    line = Line.open()
    line.ask()
    for _ in range(40):
        line.connection.data_received(b"\r\n" * 100_000)
    line.connection.data_received(GOOD[0])
    assert await line.heard() == b"good"
    line.wire.end()


async def test_what_is_no_http_is_nobodys_surplus() -> None:
    client = Client()
    async with RawUpstream([b"SSH-2.0-x\r\n\r\n"]) as server, client.session() as session:
        with pytest.raises(ClientResponseError):
            await client.ask(session, server.url)
    assert client.told == []
