"""What goes over the wire with TLS: nothing in the clear, whichever way an answer is made; and old sessions go on."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirror.oci.digest import Digest
from tests.support.authority import Authority
from tests.support.faults import Fault
from tests.support.loops import LOOPS
from tests.support.mirror_thread import MirrorThread
from tests.support.raw_client import Cut, RawClient, request
from tests.support.surface import (
    DIGEST_PATH,
    LARGE,
    LARGE_PATH,
    MANIFEST,
    REPOSITORY,
    SMALL,
    SMALL_PATH,
    TAG_PATH,
    noise,
    stock,
)
from tests.support.wiretap import Plain, Wiretap, records

HUGE = noise("over the wire", 3 * 1024**2)
HUGE_PATH = f"/v2/{REPOSITORY}/blobs/{Digest.of(HUGE)}"
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@pytest.fixture(scope="module", params=list(LOOPS))
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, authority: Authority
) -> Iterator[MirrorThread]:
    certificate, key = authority.server_files("127.0.0.1")
    tls = {"certificate": str(certificate), "key": str(key)}
    root = tmp_path_factory.mktemp("wire")
    with MirrorThread(root, lambda _: {"server": {"tls": tls}}, request.param) as served:
        stock(served, HUGE)
        yield served


def encrypted(tap: Wiretap, *bodies: bytes) -> int:
    """That only TLS went over the wire, and none of these bodies as it is; how many bytes it was."""
    for said in tap.said:
        kinds = records(bytes(said))
        assert kinds[0] == "handshake"
        assert "application_data" in kinds
        for body in bodies:
            assert body[:48] not in said
            assert body[-48:] not in said
    return sum(len(said) for said in tap.said)


def test_the_tap_would_notice_a_plain_byte(served: MirrorThread, authority: Authority) -> None:
    with Wiretap(served.address) as tap, RawClient(tap.address, authority.client()) as client:
        assert client.ask("GET", "/v2/").status == 200
        said = bytes(tap.said[0])
    assert encrypted(tap) == len(said)
    for plain in (LARGE[:100_000], b"HTTP/1.1 200 OK\r\n\r\n", b"{}"):
        with pytest.raises(Plain):
            records(said + plain + said)


@pytest.mark.parametrize("version", VERSIONS)
def test_nothing_goes_out_in_the_clear(served: MirrorThread, authority: Authority, version: str) -> None:
    context = authority.client()
    context.minimum_version = context.maximum_version = VERSIONS[version]
    with Wiretap(served.address) as tap, RawClient(tap.address, context) as client:
        for _ in range(4):  # cold, and so growing; from the disk; from memory; and known by its bytes
            assert client.ask("GET", HUGE_PATH).body == HUGE
            assert client.ask("GET", LARGE_PATH).body == LARGE
            assert client.ask("GET", SMALL_PATH).body == SMALL
            assert client.ask("GET", TAG_PATH).body == MANIFEST
            assert client.ask("GET", DIGEST_PATH).body == MANIFEST
            assert client.ask("GET", HUGE_PATH, "Range: bytes=5-2000004").body == HUGE[5:2000005]
            assert client.ask("HEAD", HUGE_PATH)["Content-Length"] == str(len(HUGE))
        assert client.ask("GET", HUGE_PATH, f"Range: bytes={len(HUGE)}-").status == 416
        assert client.ask("GET", "/v2/a/manifests/b").status == 404
        client.send(request("GET", LARGE_PATH) * 2 + request("GET", TAG_PATH) * 3)
        assert [client.answer().status for _ in range(5)] == [200] * 5
        client.send(b"no HTTP\r\n\r\n")
        assert client.answer().status == 400
        assert client.is_over()
    assert encrypted(tap, HUGE, HUGE[5:2000005], LARGE, SMALL, MANIFEST, b'{"errors":' * 5) > 4 * len(HUGE)


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_nor_does_a_body_that_breaks_off(served: MirrorThread, authority: Authority, chunked: bool) -> None:
    blob = noise(f"broken {chunked} {served.address}", 700_000)

    def push() -> None:
        served.registry.push_blob(REPOSITORY, blob)
        served.registry.fail(Fault(flip_at=400_000, chunked=chunked), "GET", str(Digest.of(blob)))

    served.call(push)
    with (
        Wiretap(served.address) as tap,
        RawClient(tap.address, authority.client()) as client,
        pytest.raises((Cut, ssl.SSLError, ConnectionResetError)),
    ):
        client.ask("GET", f"/v2/{REPOSITORY}/blobs/{Digest.of(blob)}")
    encrypted(tap, blob, blob[300_000:])


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_is_resumed(served: MirrorThread, authority: Authority, version: str) -> None:
    context = authority.client()
    context.minimum_version = context.maximum_version = VERSIONS[version]
    session = None
    for known in (False, True, True):
        with served.client() as client:
            connection = context.wrap_socket(client.socket, server_hostname=served.address[0], session=session)
            client.socket = connection
            assert client.ask("GET", TAG_PATH).body == MANIFEST  # with which the tickets of 1.3 come
            assert connection.session_reused is known
            session = connection.session


def test_a_session_is_resumed_by_who_has_shown_a_certificate(tmp_path: Path, authority: Authority) -> None:
    certificate, key = authority.server_files("127.0.0.1")
    tls = {"certificate": str(certificate), "key": str(key), "client_ca": str(authority.ca_file)}
    context, session = authority.client("node.test"), None
    with MirrorThread(tmp_path, lambda _: {"server": {"tls": tls}}) as served:
        for known in (False, True):
            with served.client() as client:
                connection = context.wrap_socket(client.socket, server_hostname=served.address[0], session=session)
                client.socket = connection
                assert client.ask("GET", "/v2/").status == 200
                assert connection.session_reused is known
                session = connection.session
