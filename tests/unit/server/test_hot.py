"""Answers given before: found while they hold, for whom they are meant, and bounded in what they take."""

from __future__ import annotations

import gc
import weakref

import pytest
from aiohttp import web

from mirror.oci.media_types import OCI_INDEX, OCI_MANIFEST
from mirror.outcome import Outcome
from mirror.server.exchange import Exchange, Lasting
from mirror.server.hot import HotAnswers
from mirror.server.prepared import LARGEST
from tests.support.answering import exchange_of
from tests.support.clock import Clock

TARGET = "/v2/a/manifests/b"
NOW = 1000.0
BY_TAG = Lasting("sha256:0", b"a manifest", OCI_MANIFEST, checked=NOW - 10, until=NOW + 290)
BY_DIGEST = Lasting("sha256:0", b"a blob")


class Hot:
    """Hot answers with a clock, and what they said was used."""

    def __init__(self, by_host: bool = False) -> None:
        self.clock = Clock(NOW)
        self.used: list[tuple[str, float]] = []
        self.pulled: list[tuple[tuple[str, str, str], float]] = []
        self.answers = HotAnswers(
            by_host,
            lambda digest, now: self.used.append((digest, now)),
            self.clock,
            lambda image, now: self.pulled.append((image, now)),
        )

    def give(self, lasting: Lasting | None, target: str = TARGET, *lines: str, status: int = 200) -> Exchange:
        exchange = exchange_of("GET", target, *lines)
        exchange.kind, exchange.upstream = "manifest", "docker.io"
        exchange.repository, exchange.reference = "library/a", "b"
        exchange.lasting = lasting
        exchange.outcome = Outcome.HIT
        headers = {"Server": "mirror", "X-Request-ID": "first", "Age": "10", "Content-Type": OCI_MANIFEST}
        self.answers.offer(exchange, web.Response(status=status, headers=headers))
        return exchange

    def find(self, method: str = "GET", target: str = TARGET, *lines: str, version: str = "HTTP/1.1") -> bytes | None:
        exchange = exchange_of(method, target, *lines, version=version)
        found = self.answers.find(exchange.request, exchange)
        return None if found is None else found._whole


async def test_what_was_given_is_given_again() -> None:
    hot = Hot()
    hot.give(BY_TAG)
    exchange = exchange_of("GET", TARGET)
    found = hot.answers.find(exchange.request, exchange)
    assert found is not None
    head, _, body = found._whole.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert body == b"a manifest"
    assert {b"Server: mirror", b"Content-Length: 10", b"X-Request-ID: id-1", b"Age: 10"} <= set(lines)
    assert b"first" not in head
    assert (exchange.kind, exchange.upstream, exchange.outcome) == ("manifest", "docker.io", Outcome.HIT)
    assert (exchange.repository, exchange.reference, exchange.sent) == ("library/a", "b", 10)
    assert hot.used == [("sha256:0", NOW)]


async def test_a_manifest_that_is_given_again_is_pulled_again() -> None:
    hot = Hot()
    hot.give(BY_TAG)
    assert hot.pulled == []
    hot.find()
    hot.find("HEAD")
    assert hot.pulled == [(("docker.io", "library/a", "sha256:0"), NOW)] * 2


async def test_what_is_stored_no_more_is_not_given_until_it_is_offered_again() -> None:
    hot = Hot()
    hot.give(BY_TAG)
    hot.give(Lasting("sha256:1", b"another"), "/v2/other/blobs/sha256:1")
    hot.answers.gone("sha256:0")
    assert hot.find() is None
    assert hot.find(target="/v2/other/blobs/sha256:1") is not None
    hot.give(BY_TAG)
    assert hot.find() is not None


async def test_when_very_much_is_gone_nothing_is_remembered() -> None:
    hot = Hot()
    hot.give(BY_TAG)
    for number in range(4097):
        hot.answers.gone(f"sha256:other{number}")
    assert hot.find() is None


async def test_a_head_is_given_without_the_body() -> None:
    hot = Hot()
    hot.give(BY_DIGEST)
    exchange = exchange_of("HEAD", TARGET)
    found = hot.answers.find(exchange.request, exchange)
    assert found is not None
    assert found._whole.endswith(b"\r\n\r\n")
    assert b"Content-Length: 6\r\n" in found._whole
    assert exchange.sent == 0


async def test_by_tag_it_ends_with_the_time_to_live() -> None:
    hot = Hot()
    hot.give(BY_TAG)
    hot.clock.advance(289.9)
    found = hot.find()
    assert found is not None
    assert b"\r\nAge: 299\r\n" in found
    hot.clock.advance(0.1)
    assert hot.find() is None
    hot.clock.advance(-100)
    assert hot.find() is None  # it is forgotten, not kept back


async def test_a_clock_that_is_set_back_ends_it_too() -> None:
    hot = Hot()
    hot.give(BY_TAG)
    hot.clock.advance(-3600)
    assert hot.find() is None


async def test_by_digest_it_never_ends() -> None:
    hot = Hot()
    hot.give(BY_DIGEST)
    hot.clock.advance(1e9)
    found = hot.find()
    assert found is not None
    assert b"Age" not in found


@pytest.mark.parametrize(
    "line",
    ["Range: bytes=0-1", 'If-None-Match: "x"', f"Accept: {OCI_INDEX}", f"Accept: {OCI_MANIFEST};q=0"],
)
async def test_whoever_wants_something_else_is_answered_the_long_way(line: str) -> None:
    hot = Hot()
    hot.give(BY_TAG)
    assert hot.find("GET", TARGET, line) is None
    assert hot.find() is not None


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("Accept: */*",),
        ("Accept: application/*",),
        (f"Accept: {OCI_INDEX}, {OCI_MANIFEST}",),
        (f"Accept: {OCI_INDEX}", f"Accept: {OCI_MANIFEST}"),
        (f"Accept: {OCI_INDEX}", "Accept: */*"),
        (f"Accept: {'x/' + 'y' * 4000}, {OCI_MANIFEST}",),
    ],
)
async def test_whoever_takes_the_type_is_given_it(lines: tuple[str, ...]) -> None:
    hot = Hot()
    hot.give(BY_TAG)
    assert [hot.find("GET", TARGET, *lines) is not None for _ in range(3)] == [True] * 3


async def test_by_digest_the_type_does_not_matter() -> None:
    hot = Hot()
    hot.give(BY_DIGEST)
    assert hot.find("GET", TARGET, f"Accept: {OCI_INDEX}") is not None


@pytest.mark.parametrize("target", [f"{TARGET}?ns=other.test", f"{TARGET}/", "/v2/a/manifests/c", TARGET.upper()])
async def test_another_target_is_another_question(target: str) -> None:
    hot = Hot()
    hot.give(BY_TAG)
    assert hot.find("GET", target) is None


async def test_an_old_client_is_answered_the_long_way() -> None:
    hot = Hot()
    hot.give(BY_DIGEST)
    assert hot.find(version="HTTP/1.0") is None


async def test_the_host_matters_where_it_has_a_meaning() -> None:
    for by_host in (False, True):
        hot = Hot(by_host)
        hot.give(BY_DIGEST)
        exchange = exchange_of("GET", TARGET)
        other = exchange.request.clone(headers={"Host": "other.test"})
        assert (hot.answers.find(other, exchange) is None) is by_host
        assert hot.answers.find(exchange.request, exchange) is not None


@pytest.mark.parametrize("status", [206, 304, 404, 416])
async def test_only_a_whole_answer_is_kept(status: int) -> None:
    hot = Hot()
    hot.give(BY_DIGEST, status=status)
    assert hot.find() is None


async def test_what_does_not_last_is_not_kept() -> None:
    hot = Hot()
    hot.give(None)
    assert hot.find() is None


async def test_what_is_too_large_is_not_kept() -> None:
    hot = Hot()
    hot.give(Lasting("sha256:0", b"x" * (LARGEST + 1)))
    assert hot.find() is None
    hot.give(Lasting("sha256:0", b"x" * LARGEST))
    assert hot.find() is not None


async def test_a_target_that_is_too_long_is_not_kept() -> None:
    hot = Hot()
    target = f"{TARGET}?{'x' * 1024}"
    hot.give(BY_DIGEST, target)
    assert hot.find("GET", target) is None


@pytest.mark.parametrize(("length", "kept"), [(255, True), (256, False)])
async def test_a_host_that_is_too_long_is_not_kept(length: int, kept: bool) -> None:
    hot = Hot(by_host=True)
    exchange = exchange_of("GET", TARGET)
    exchange.request = exchange.request.clone(headers={"Host": "h" * length})
    exchange.lasting = BY_DIGEST
    hot.answers.offer(exchange, web.Response())
    assert (hot.answers.find(exchange.request, exchange) is not None) is kept


async def test_what_is_kept_is_bounded() -> None:
    hot = Hot()
    for number in range(1000):
        hot.give(Lasting("sha256:0", bytes(LARGEST)), f"/{number}")
    kept = [number for number in range(1000) if hot.find("GET", f"/{number}") is not None]
    assert 0 < len(kept) * LARGEST <= 16 * 1024**2
    assert 999 in kept
    assert 0 not in kept


async def test_what_clients_accept_is_kept_within_bounds() -> None:
    hot = Hot()
    hot.give(BY_TAG)
    for number in range(2000):
        assert hot.find("GET", TARGET, f"Accept: x/{number}, */*") is not None
        assert hot.find("GET", TARGET, f"Accept: x/{number}") is None
    assert len(hot.answers._accepted) <= 512


async def test_everything_can_be_forgotten() -> None:
    hot = Hot()
    hot.give(BY_DIGEST)
    hot.answers.clear()
    assert hot.find() is None


async def test_no_request_is_held() -> None:
    hot = Hot()
    exchange = hot.give(BY_TAG)
    request = weakref.ref(exchange.request)
    hot.find()
    del exchange
    gc.collect()
    assert request() is None
    assert hot.find() is not None


async def test_what_another_process_has_learned_is_forgotten_here() -> None:
    hot = Hot()
    hot.give(BY_TAG)
    for about in (("quay.io", "library/a", "b"), ("docker.io", "library/b", "b"), ("docker.io", "library/a", "c")):
        hot.answers.forget(*about)
    assert hot.find() is not None
    hot.answers.forget("docker.io", "library/a", "b")
    assert hot.find() is None
