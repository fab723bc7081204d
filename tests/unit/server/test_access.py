"""Who asked, and what is noted of it."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from aiohttp.test_utils import make_mocked_request
from aiohttp.web import BaseRequest

from mirror.log.access import AccessRecord
from mirror.metrics import Tally
from mirror.outcome import Outcome
from mirror.server.access import Access, Clients, RequestIds
from mirror.server.exchange import Exchange

PROXIES = [ip_network("10.0.0.0/8"), ip_network("::1/128")]


def request(peer: str = "10.0.0.1", *forwarded: str) -> BaseRequest:
    made = make_mocked_request("GET", "/v2/x/manifests/a?ns=docker.io", headers={"User-Agent": "tester"})
    headers = made.headers.copy()
    for line in forwarded:
        headers.add("X-Forwarded-For", line)
    return made.clone(headers=headers, remote=peer)


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", ["198.51.100.7"], "192.0.2.1"),  # nobody whom we trust says so
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["1.1.1.1, 198.51.100.7, 10.2.3.4"], "198.51.100.7"),  # the client may have written 1.1.1.1
        ("10.0.0.1", ["198.51.100.7", "10.2.3.4"], "198.51.100.7"),
        ("10.0.0.1", ["10.9.9.9"], "10.9.9.9"),
        ("10.0.0.1", ["unknown"], "10.0.0.1"),
        ("10.0.0.1", ["<script>, 10.2.3.4"], "10.2.3.4"),
        ("::1", ["2001:db8::1"], "2001:db8::1"),
        ("10.0.0.1", [", ".join(["10.2.3.4"] * 40) + ", 10.0.0.3"], "10.2.3.4"),
    ],
)
def test_a_header_is_believed_from_trusted_proxies_only(peer: str, forwarded: list[str], client: str) -> None:
    assert Clients(PROXIES).address(request(peer, *forwarded)) == client


def test_without_trusted_proxies_the_peer_is_the_client() -> None:
    assert Clients(()).address(request("10.0.0.1", "198.51.100.7")) == "10.0.0.1"


def test_request_ids_differ_between_requests_and_processes() -> None:
    one, other = RequestIds(), RequestIds()
    assert len({one.next(), one.next(), other.next(), other.next()}) == 4


def test_an_answer_is_counted_and_noted_without_its_query() -> None:
    tally, notes = Tally(), list[AccessRecord]()
    exchange = Exchange(request(), "id-1", "manifest", None, "docker.io", "library/x", "a", Outcome.HIT, "why", 7)
    Access(tally, notes.append, Clients(())).answered(exchange, 200, 0.5)
    note = notes[0]
    assert (note.path, note.status, note.outcome, note.bytes, note.seconds) == ("/v2/x/manifests/a", 200, "hit", 7, 0.5)
    assert (note.client, note.user_agent, note.reason) == ("10.0.0.1", "tester", "why")
    assert [sample.value for family in tally.collect() for sample in family.samples] == [1, 7]


def test_an_answer_is_counted_where_nothing_is_logged() -> None:
    tally = Tally()
    Access(tally, None, Clients(())).answered(Exchange(request(), "id-1"), 200, 0.5)
    assert next(iter(tally.collect())).samples[0].value == 1
