"""Connections by themselves; TLS, private addresses and proxies are in `test_transport_trust` and `test_egress`."""

from __future__ import annotations

import asyncio

import pytest
import structlog
from yarl import URL

from mirror.config.settings import Upstream
from mirror.errors import Nonsense, Unreachable
from mirror.tasks import spawn
from mirror.upstream.connections import Connections, Waiting
from mirror.upstream.report import Request
from mirror.upstream.surroundings import Surroundings
from tests.support.faults import Never
from tests.support.raw import RawUpstream, Script, Until, answer
from tests.support.upstreams import LIMITS

OK: Script = [answer("200 OK", ["Content-Length: 2"], b"{}")]


def _connections(url: str, **environment: str) -> Connections:
    around = Surroundings(environment=environment)
    return Connections("fake", Upstream(endpoints=(url,)), LIMITS, around)


def _request(url: str) -> Request:
    return Request("tags", "GET", URL(url))


async def test_whoever_waits_learns_that_there_is_a_connection() -> None:
    async with RawUpstream(OK) as server:
        connections = _connections(server.url)
        for _ in range(2):  # a new connection, and one that was kept
            waiting = Waiting()
            response = await connections.dial(_request(server.url), waiting)
            assert waiting.connected
            await response.read()
        await connections.aclose()
        assert server.connections == 1
        assert server.requests[0].headers["accept-encoding"] == "identity"


async def test_a_wait_that_is_cut_ends_as_if_its_time_were_over() -> None:
    async with RawUpstream([Until(Never())]) as server:
        connections, waiting = _connections(server.url), Waiting()
        dialling = spawn(connections.dial(_request(server.url), waiting), "dialling")
        async with asyncio.timeout(10):
            while not server.requests:  # noqa: ASYNC110  # the server tells nobody
                await asyncio.sleep(0.005)
        waiting.cut()
        with pytest.raises(TimeoutError):
            await dialling
        assert (waiting.is_cut, waiting.connected) == (True, True)
        await connections.aclose()


async def test_a_wait_that_was_cut_before_it_began_sends_nothing() -> None:
    async with RawUpstream(OK) as server:
        connections, waiting = _connections(server.url), Waiting()
        waiting.cut()
        with pytest.raises(TimeoutError):
            await connections.dial(_request(server.url), waiting)
        await connections.aclose()
        assert server.connections == 0


async def test_a_cut_is_not_undone_by_a_connection_that_comes_then() -> None:
    waiting = Waiting()

    async def connect() -> None:
        async with waiting.within(60):
            waiting.cut()
            waiting.connect(60)
            await asyncio.get_running_loop().create_future()

    with pytest.raises(TimeoutError):
        await connect()


async def test_closed_they_dial_nobody() -> None:
    async with RawUpstream(OK) as server:
        connections = _connections(server.url)
        await connections.aclose()
        await connections.aclose()
        with pytest.raises(Unreachable, match="stopping"):
            await connections.dial(_request(server.url), Waiting())
        assert server.connections == 0


async def test_an_address_that_an_answer_named_is_not_dialled_if_it_is_forbidden() -> None:
    connections = _connections("https://registry.test")
    with pytest.raises(Nonsense, match="private or reserved"):
        await connections.dial(_request("http://127.0.0.1/"), Waiting())
    await connections.aclose()


async def test_the_proxy_is_the_environments_where_the_upstream_has_none() -> None:
    connections = _connections("https://registry.test", https_proxy="http://proxy.test:3128")
    assert connections.proxy(URL("https://registry.test/v2/")) == URL("http://proxy.test:3128")
    assert connections.proxy(URL("http://registry.test/v2/")) is None
    await connections.aclose()


async def test_who_says_more_than_was_asked_is_warned_of_once_and_without_a_word_of_it() -> None:
    async with RawUpstream([answer("200 OK", ["Content-Length: 2"], b"{}HTTP/1.1 200 canary\r\n")]) as server:
        connections = _connections(server.url)
        with structlog.testing.capture_logs() as logs:
            for _ in range(3):
                response = await connections.dial(_request(server.url), Waiting())
                assert await response.read() == b"{}"
        await connections.aclose()
        assert server.connections == 3
    assert [log["log_level"] for log in logs] == ["warning", "debug", "debug"]
    assert {log["upstream"] for log in logs} == {"fake"}
    assert {log["address"] for log in logs} == {f"127.0.0.1 port {server.port}"}
    assert "canary" not in repr(logs)
