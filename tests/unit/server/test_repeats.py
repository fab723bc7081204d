"""Requests known by their bytes: answered while their answer holds, for whom it was meant, and bounded in number."""

from __future__ import annotations

import gc
import weakref

import pytest
from aiohttp import web

from mirror.config.addresses import parse_network
from mirror.log.access import AccessRecord
from mirror.metrics import Metrics
from mirror.oci.media_types import OCI_MANIFEST
from mirror.outcome import Outcome
from mirror.server.access import Access, Clients, RequestIds
from mirror.server.exchange import Lasting
from mirror.server.hot import HotAnswers
from mirror.server.repeats import LONGEST, Repeats
from tests.support.answering import exchange_of, message_of
from tests.support.clock import Clock
from tests.support.raw_client import request

TARGET = "/v2/a/manifests/b"
NOW = 1000.0
BY_TAG = Lasting("sha256:0", b"a manifest", OCI_MANIFEST, checked=NOW - 10, until=NOW + 290)


class Scene:
    """Repeats over hot answers, with a clock, and what they noted."""

    def __init__(self, *trusted: str) -> None:
        self.clock = Clock(NOW)
        self.notes: list[AccessRecord] = []
        self.used: list[str] = []
        self.metrics = Metrics("1")
        self.hot = HotAnswers(False, lambda digest, _: self.used.append(digest), self.clock)
        clients = Clients([parse_network(network) for network in trusted])
        access = Access(self.metrics.requests, self.notes.append, clients)
        self.repeats = Repeats(self.hot, access, RequestIds(), self.clock)

    def offer(self, lasting: Lasting = BY_TAG) -> None:
        exchange = exchange_of("GET", TARGET)
        exchange.kind, exchange.upstream = "manifest", "docker.io"
        exchange.repository, exchange.reference = "library/a", "b"
        exchange.lasting = lasting
        exchange.outcome = Outcome.HIT
        self.hot.offer(exchange, web.Response(headers={"Server": "mirror", "Content-Type": OCI_MANIFEST}))

    def heard(self, data: bytes, peer: str = "192.0.2.1") -> bytes | None:
        return self.repeats.heard(message_of(data), data, peer)

    def teach(self, method: str, *lines: str) -> bytes:
        """Have this request answered from memory as often as it takes to be known; its bytes."""
        data = request(method, TARGET, *lines)
        for _ in range(2):
            assert self.repeats.answer(data, "192.0.2.1") is None
            self.heard(data)
        self.notes.clear()
        self.used.clear()
        return data


def taught(scene: Scene, method: str = "GET", *lines: str) -> bytes:
    scene.offer()
    return scene.teach(method, *lines)


async def test_what_was_answered_from_memory_is_answered_again() -> None:
    scene = Scene()
    data = taught(scene, "GET", "User-Agent: docker/28.5")
    scene.clock.advance(5)
    answer = scene.repeats.answer(data, "192.0.2.1")
    assert answer is not None
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert body == b"a manifest"
    assert lines[0] == b"HTTP/1.1 200 OK"
    assert {b"Server: mirror", b"Content-Length: 10", b"Age: 15"} <= set(lines)
    (note,) = scene.notes
    assert f"X-Request-ID: {note.request_id}".encode() in lines
    assert (note.client, note.method, note.path, note.user_agent) == ("192.0.2.1", "GET", TARGET, "docker/28.5")
    assert (note.status, note.outcome, note.bytes, note.time) == (200, Outcome.HIT, 10, NOW + 5)
    assert (note.upstream, note.kind, note.repository, note.reference) == ("docker.io", "manifest", "library/a", "b")
    assert scene.used == ["sha256:0"]
    assert 'mirror_requests_total{kind="manifest",result="hit",upstream="docker.io"} 3.0' in (
        scene.metrics.render().decode()
    )


async def test_a_head_has_no_body() -> None:
    scene = Scene()
    answer = scene.repeats.answer(taught(scene, "HEAD"), "192.0.2.1")
    assert answer is not None
    assert answer.endswith(b"\r\n\r\n")
    assert b"Content-Length: 10\r\n" in answer
    assert [note.bytes for note in scene.notes] == [0]


async def test_each_answer_has_a_number_of_its_own() -> None:
    scene = Scene()
    data = taught(scene)
    assert scene.repeats.answer(data, "192.0.2.1") != scene.repeats.answer(data, "192.0.2.1")
    assert len({note.request_id for note in scene.notes}) == 2


async def test_what_differs_in_a_byte_is_not_known() -> None:
    scene = Scene()
    data = taught(scene)
    assert scene.repeats.answer(data.replace(b"manifests/b", b"manifests/c"), "192.0.2.1") is None
    assert scene.repeats.answer(data[:-1], "192.0.2.1") is None
    assert scene.repeats.answer(data + data, "192.0.2.1") is None


async def test_an_answer_ends_with_its_time() -> None:
    scene = Scene()
    data = taught(scene)
    scene.clock.advance(290)
    assert scene.repeats.answer(data, "192.0.2.1") is None
    assert scene.notes == []


async def test_an_answer_that_has_changed_is_judged_anew() -> None:
    scene = Scene()
    data = taught(scene)
    scene.offer(Lasting("sha256:1", b"another", OCI_MANIFEST, checked=NOW, until=NOW + 300))
    assert scene.repeats.answer(data, "192.0.2.1") is None
    assert scene.heard(data) is not None
    answer = scene.repeats.answer(data, "192.0.2.1")
    assert answer is not None
    assert answer.endswith(b"another")


@pytest.mark.parametrize(
    "line",
    [
        "Authorization: Bearer secret",
        "Proxy-Authorization: Basic secret",
        "Cookie: secret",
        "Connection: close",
        "X-Long: " + LONGEST * "x",
    ],
)
async def test_some_requests_are_not_remembered(line: str) -> None:
    scene = Scene()
    assert scene.repeats.answer(taught(scene, "GET", line), "192.0.2.1") is None


async def test_behind_a_trusted_proxy_it_says_who_asks() -> None:
    scene = Scene("10.0.0.0/8")
    data = taught(scene, "GET", "X-Forwarded-For: 192.0.2.9")
    for peer in ("10.0.0.1", "192.0.2.1"):
        assert scene.repeats.answer(data, peer) is not None
    assert [note.client for note in scene.notes] == ["192.0.2.9", "192.0.2.1"]


async def test_only_so_many_are_remembered() -> None:
    scene = Scene()
    first = taught(scene)
    for number in range(2047):
        scene.teach("GET", f"X-Number: {number}")
    assert scene.repeats.answer(first, "192.0.2.1") is not None
    last = scene.teach("GET", "X-Number: one too many")
    assert scene.repeats.answer(first, "192.0.2.1") is None
    assert scene.repeats.answer(last, "192.0.2.1") is not None


async def test_nothing_is_held_that_the_hot_answers_have_let_go() -> None:
    scene = Scene()
    data = taught(scene)
    answer = scene.hot.holding((TARGET, ""), NOW)
    assert answer is not None
    held = weakref.ref(answer)
    del answer
    assert held() is not None
    scene.hot.clear()
    gc.collect()
    assert held() is None
    assert scene.repeats.answer(data, "192.0.2.1") is None


async def test_what_is_new_is_answered_at_once_where_its_answer_is_in_memory() -> None:
    scene = Scene()
    data = request("GET", TARGET, "X-Number: 1")
    assert scene.heard(data) is None
    scene.offer()
    answer = scene.heard(data, "192.0.2.7")
    assert answer is not None
    assert answer.startswith(b"HTTP/1.1 200 OK\r\nServer: mirror\r\n")
    assert answer.endswith(b"\r\n\r\na manifest")
    (note,) = scene.notes
    assert (note.client, note.path, note.outcome, note.bytes) == ("192.0.2.7", TARGET, Outcome.HIT, 10)
    head = scene.heard(request("HEAD", TARGET))
    assert head is not None
    assert head.endswith(b"\r\n\r\n")
    assert scene.used == ["sha256:0"] * 2


async def test_who_never_says_the_same_twice_is_not_remembered() -> None:
    scene = Scene()
    scene.offer()
    once = request("GET", TARGET, "X-Number: 1")
    assert scene.heard(once) is not None
    assert scene.repeats.answer(once, "192.0.2.1") is None
    assert scene.heard(once) is not None
    assert scene.repeats.answer(once, "192.0.2.1") is not None


@pytest.mark.parametrize(
    "data",
    [
        request("GET", TARGET, "Connection: close"),
        request("GET", TARGET, version="HTTP/1.0"),
        request("GET", TARGET, "Range: bytes=0-1"),
        request("GET", TARGET, 'If-None-Match: "sha256:0"'),
        request("GET", TARGET, "Accept: text/html"),
        request("GET", TARGET, "Transfer-Encoding: chunked"),
        request("DELETE", TARGET),
        request("GET", "/v2/a/manifests/c"),
        request("GET", TARGET, "X-Long: " + LONGEST * "x"),
    ],
    ids=str,
)
async def test_what_needs_to_be_looked_at_goes_the_long_way(data: bytes) -> None:
    scene = Scene()
    scene.offer()
    assert scene.heard(data) is None
    assert scene.notes == []


@pytest.mark.parametrize("line", ["Authorization: Bearer secret", "Cookie: secret"])
async def test_what_carries_a_login_is_answered_and_not_kept(line: str) -> None:
    scene = Scene()
    scene.offer()
    data = request("GET", TARGET, line)
    for _ in range(3):
        assert scene.heard(data) is not None
        assert scene.repeats.answer(data, "192.0.2.1") is None
