"""The registry over TLS: the same answers, the same patience; who speaks the wrong protocol is sent away quietly."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from mirror.oci.digest import Digest
from tests.support.authority import Authority
from tests.support.faults import Fault
from tests.support.footprint import resident
from tests.support.loops import LOOPS
from tests.support.mirror_thread import MirrorThread
from tests.support.raw_client import Cut, RawClient, request
from tests.support.surface import (
    DIGEST_PATH,
    LARGE,
    LARGE_PATH,
    LIST_PATH,
    MANIFEST,
    REPOSITORY,
    SMALL,
    SMALL_PATH,
    TAG_PATH,
    noise,
    said_always,
    stock,
)

MIB = 1024**2
HUGE = noise("huge", 8 * MIB)
HUGE_PATH = f"/v2/{REPOSITORY}/blobs/{Digest.of(HUGE)}"
# The first bytes of what a client of TLS 1.3 says.
HELLO = bytes.fromhex("1603010200010001fc0303") + b"\x5a" * 506


def encrypted(authority: Authority, **more: object) -> Mapping[str, Any]:
    certificate, key = authority.server_files("127.0.0.1")
    tls = {"certificate": str(certificate), "key": str(key), **more}
    return {"server": {"tls": tls}, "limits": {"client_stall": "500ms", "keepalive": "2s"}}


@pytest.fixture(scope="module", params=list(LOOPS))
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, authority: Authority
) -> Iterator[MirrorThread]:
    with MirrorThread(tmp_path_factory.mktemp("tls"), lambda _: encrypted(authority), request.param) as served:
        stock(served, HUGE)
        yield served


@pytest.fixture
def client(served: MirrorThread, authority: Authority) -> Iterator[RawClient]:
    with served.client(authority.client()) as client:
        yield client


def test_all_is_answered_as_in_the_clear(client: RawClient) -> None:
    for _ in range(4):  # cold, just stored, and from memory
        for path, body in ((TAG_PATH, MANIFEST), (DIGEST_PATH, MANIFEST), (SMALL_PATH, SMALL), (LARGE_PATH, LARGE)):
            answer = client.ask("GET", path)
            said_always(answer)
            assert (answer.status, answer.body) == (200, body)
            assert client.ask("HEAD", path)["Content-Length"] == str(len(body))
        part = client.ask("GET", LARGE_PATH, "Range: bytes=1000-200000")
        assert (part.status, part.body) == (206, LARGE[1000:200001])
        assert client.ask("GET", LARGE_PATH, "Range: bytes=-0").status == 416
        assert client.ask("GET", LIST_PATH).status == 200
        assert client.ask("GET", "/v2/a/manifests/b").status == 404
    assert client.ask("DELETE", TAG_PATH).status == 405
    assert client.is_over()


def test_a_blob_arrives_to_the_last_byte(client: RawClient) -> None:
    assert client.ask("GET", HUGE_PATH, "Connection: close").body == HUGE
    assert client.is_over()


def test_pipelined_requests_are_answered_in_order(client: RawClient) -> None:
    order = [LARGE_PATH, TAG_PATH, SMALL_PATH, LARGE_PATH] * 5
    bodies = {LARGE_PATH: LARGE, TAG_PATH: MANIFEST, SMALL_PATH: SMALL}
    client.send(b"".join(request("GET", path) for path in order))
    assert [client.answer().body == bodies[path] for path in order] == [True] * len(order)


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_body_that_is_not_what_its_digest_says_never_ends_tidily(
    served: MirrorThread, client: RawClient, chunked: bool
) -> None:
    blob = noise(f"{chunked} {served.address}", 300_000)

    def push() -> None:
        served.registry.chunked = chunked
        served.registry.push_blob(REPOSITORY, blob)
        served.registry.fail(Fault(flip_at=150_000), "GET", str(Digest.of(blob)))

    served.call(push)
    with pytest.raises((Cut, ssl.SSLError, ConnectionResetError)):
        client.ask("GET", f"/v2/{REPOSITORY}/blobs/{Digest.of(blob)}")


@pytest.mark.parametrize("path", [HUGE_PATH, SMALL_PATH])
def test_who_does_not_read_is_let_go_and_costs_little(served: MirrorThread, authority: Authority, path: str) -> None:
    assert served.ask_with(authority.client(), "GET", path).status == 200
    served.settle()
    served.left()
    before = resident()
    clients = [served.client(authority.client(), window=4096) for _ in range(50)]
    try:
        for client in clients:
            client.send(request("GET", path) * 100)
        served.left()

        assert (resident() - before) / len(clients) < 2 * MIB
    finally:
        for client in clients:
            client.close()


def test_who_does_not_shake_hands_is_let_go(served: MirrorThread) -> None:
    with served.client() as client:
        assert client.is_over()


def test_who_speaks_in_the_clear_is_sent_away(
    served: MirrorThread, client: RawClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), served.client() as plain:
        plain.send(request("GET", "/v2/"))
        assert b"HTTP/1.1 2" not in plain.rest()
    assert client.ask("GET", "/v2/").status == 200
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("loop", LOOPS)
def test_who_speaks_tls_where_there_is_none_is_sent_away(
    tmp_path: Path, loop: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), MirrorThread(tmp_path, loop=loop) as served:
        with served.client() as client:
            client.send(HELLO)
            answer = client.answer()
            assert (answer.status, answer["Connection"]) == (400, "close")
            said_always(answer)
            assert client.is_over()
        assert served.ask("GET", "/v2/").status == 200
    assert not [record for record in caplog.records if record.exc_info or record.levelno >= logging.WARNING]


@pytest.mark.parametrize("loop", LOOPS)
def test_only_who_has_a_certificate_is_answered(
    tmp_path: Path, loop: str, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere = Authority(tmp_path)
    settings = encrypted(authority, client_ca=str(authority.ca_file))
    stranger = elsewhere.client("stranger.test")
    stranger.load_verify_locations(authority.ca_file)
    with caplog.at_level(logging.DEBUG), MirrorThread(tmp_path, lambda _: settings, loop) as served:
        assert served.ask_with(authority.client("node.test"), "GET", "/v2/").status == 200
        for context in (authority.client(), stranger):
            with pytest.raises((ssl.SSLError, ConnectionError, Cut)):
                served.ask_with(context, "GET", "/v2/")
        assert served.ask_with(authority.client("node.test"), "GET", "/v2/").status == 200
    assert not [record for record in caplog.records if record.exc_info]
