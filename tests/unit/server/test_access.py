"""Who asked, and what is noted of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from aiohttp import web

from mirror.config.addresses import parse_network
from mirror.log.access import AccessRecord
from mirror.metrics import Metrics
from mirror.outcome import Outcome
from mirror.server.access import Access, Clients, RequestIds, asking_of
from tests.support.answering import exchange_of, served

LOOPBACK, PRIVATE, SIX = (parse_network(text) for text in ("127.0.0.0/8", "10.0.0.0/8", "fd00::/8"))


def test_request_ids_are_short_and_differ() -> None:
    ids = RequestIds()
    some = [ids.next() for _ in range(1000)]
    assert len(set(some)) == len(some)
    assert max(map(len, some)) <= 16


def test_the_ids_of_two_processes_differ() -> None:
    assert RequestIds().next() != RequestIds().next()


@pytest.mark.parametrize(
    ("trusted", "forwarded", "expected"),
    [
        # Nobody is trusted, or not the one who says it.
        ([], ["192.0.2.1"], "127.0.0.1"),
        ([PRIVATE], ["192.0.2.1"], "127.0.0.1"),
        # The nearest that is no proxy of ours; what is said beyond it is anybody's.
        ([LOOPBACK], ["192.0.2.1"], "192.0.2.1"),
        ([LOOPBACK], ["198.51.100.9, 192.0.2.1"], "192.0.2.1"),
        ([LOOPBACK, PRIVATE], ["198.51.100.9, 192.0.2.1, 10.1.2.3"], "192.0.2.1"),
        ([LOOPBACK, PRIVATE], ["198.51.100.9", "192.0.2.1", "10.1.2.3,10.1.2.4"], "192.0.2.1"),
        ([LOOPBACK, PRIVATE], ["10.1.2.3"], "10.1.2.3"),
        ([LOOPBACK, SIX], ["2001:db8::1, fd00::7"], "2001:db8::1"),
        ([LOOPBACK], [" 2001:DB8:0:0::1 "], "2001:db8::1"),
        # What is no address ends it.
        ([LOOPBACK], [], "127.0.0.1"),
        ([LOOPBACK], [""], "127.0.0.1"),
        ([LOOPBACK], ["unknown"], "127.0.0.1"),
        ([LOOPBACK], ["192.0.2.1:1234"], "127.0.0.1"),
        ([LOOPBACK], ["192.0.2.1, unknown"], "127.0.0.1"),
        ([LOOPBACK, PRIVATE], ["unknown, 10.1.2.3"], "10.1.2.3"),
        ([LOOPBACK], ["1.2.3.4\x7f"], "127.0.0.1"),
        ([LOOPBACK], ["fe80::1%\xe9'\"<x>"], "fe80::1"),
        # Looked at is a bounded number.
        ([LOOPBACK, PRIVATE], [", ".join(["192.0.2.1", *["10.0.0.1"] * 5000])[-8000:]], "10.0.0.1"),
    ],
)
async def test_a_client_is_who_a_trusted_proxy_says_it_is(
    trusted: Sequence[object], forwarded: Sequence[str], expected: str
) -> None:
    clients = Clients([parse_network(network) for network in trusted])

    async def address(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text=clients.address(request.remote or "-", asking_of(request).forwarded))

    async with served(address) as server:
        with await server.client() as client:
            lines = [f"X-Forwarded-For: {value}" for value in forwarded if "\x7f" not in value]
            answer = await asyncio.to_thread(client.ask, "GET", "/", *lines)
            assert answer.body.decode() == expected


async def test_what_could_not_be_parsed_comes_from_the_peer() -> None:
    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response()

    async with served(answer) as server:
        with await server.client() as client:
            client.send(b"\x16\x03\x01")
            await asyncio.to_thread(client.answer)
        ((rejected, _),) = server.answers.rejected
        assert Clients([LOOPBACK]).address(rejected.remote or "-", asking_of(rejected).forwarded) == "127.0.0.1"


async def test_an_answer_is_counted_and_noted() -> None:
    metrics, notes = Metrics("1"), list[AccessRecord]()
    exchange = exchange_of("GET", "/v2/a/blobs/b?ns=secret", "User-Agent: docker/28")
    exchange.kind, exchange.upstream, exchange.outcome = "blob", "docker.io", Outcome.HIT
    exchange.repository, exchange.reference, exchange.sent = "library/a", "sha256:0", 1234
    Access(metrics.requests, notes.append, Clients([])).answered(exchange, 206, 0.25)
    (record,) = notes
    assert record._replace(time=0.0) == AccessRecord(
        time=0.0,
        request_id="id-1",
        client="-",
        method="GET",
        path="/v2/a/blobs/b",
        status=206,
        outcome=Outcome.HIT,
        upstream="docker.io",
        kind="blob",
        repository="library/a",
        reference="sha256:0",
        bytes=1234,
        seconds=0.25,
        reason=None,
        user_agent="docker/28",
    )
    assert b'mirror_requests_total{kind="blob",result="hit",upstream="docker.io"} 1.0' in metrics.render()
    assert b'mirror_served_bytes_total{kind="blob",result="hit",upstream="docker.io"} 1234.0' in metrics.render()


async def test_without_a_log_it_is_counted_all_the_same() -> None:
    metrics = Metrics("1")
    Access(metrics.requests, None, Clients([])).answered(exchange_of(), 200, 0.0)
    assert b'mirror_requests_total{kind="other",result="bypass",upstream=""} 1.0' in metrics.render()
