"""Clients that take nothing, say nothing, or come in too great a number: let go in time, at a bounded price."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from mirror.oci.digest import Digest
from tests.support.content import OCI_MANIFEST
from tests.support.footprint import resident
from tests.support.loops import LOOPS
from tests.support.mirror_thread import MirrorThread
from tests.support.raw_client import Cut, RawClient, request
from tests.support.surface import REPOSITORY, noise

STALL = 0.5  # seconds
MIB = 1024**2
BLOB = noise("blob", 8 * MIB)
SMALL = noise("small", 60_000)
# As large as a manifest may be.
MANIFEST = json.dumps({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "annotations": {"a": "b" * 4_000_000}}).encode()
BLOB_PATH = f"/v2/{REPOSITORY}/blobs/{Digest.of(BLOB)}"
SMALL_PATH = f"/v2/{REPOSITORY}/blobs/{Digest.of(SMALL)}"
MANIFEST_PATH = f"/v2/{REPOSITORY}/manifests/{Digest.of(MANIFEST)}"


@pytest.fixture(scope="module", params=list(LOOPS))
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MirrorThread]:
    overrides = {"limits": {"client_stall": f"{int(STALL * 1000)}ms"}}
    with MirrorThread(tmp_path_factory.mktemp("slow"), lambda _: overrides, request.param) as served:

        def push() -> None:
            served.registry.push_blob(REPOSITORY, BLOB)
            served.registry.push_blob(REPOSITORY, SMALL)
            served.registry.push_manifest(REPOSITORY, "huge", MANIFEST, OCI_MANIFEST)

        served.call(push)
        for path in (BLOB_PATH, SMALL_PATH, MANIFEST_PATH):
            assert served.ask("GET", path).status == 200
        served.settle()
        yield served


def mute(served: MirrorThread, path: str, times: int = 1) -> RawClient:
    """A client that asks, sees that it is answered, and does not read."""
    client = served.client(window=4096)
    client.send(request("GET", path) * times)
    assert client.socket.recv(1, socket.MSG_PEEK)
    return client


@pytest.mark.parametrize("path", [BLOB_PATH, MANIFEST_PATH], ids=["blob", "manifest"])
def test_who_does_not_read_is_let_go(served: MirrorThread, path: str) -> None:
    with mute(served, path) as client:
        served.left()
        with pytest.raises((Cut, ConnectionResetError)):
            client.answer()


@pytest.mark.parametrize("path", [SMALL_PATH, "/v2/", "/nowhere", "/v2/%"])
def test_who_asks_on_and_on_without_reading_is_let_go(served: MirrorThread, path: str) -> None:
    with served.client(window=4096) as client:
        client.socket.settimeout(STALL / 2)
        with pytest.raises((TimeoutError, ConnectionError)):
            client.send(request("GET", path) * 500_000)
        served.left()


def test_who_does_not_read_a_body_without_a_length_disturbs_nobody(served: MirrorThread) -> None:
    blob = noise(f"chunked {served.address}", 8 * MIB)
    path = f"/v2/{REPOSITORY}/blobs/{Digest.of(blob)}"

    def push() -> None:
        served.registry.chunked = True
        served.registry.push_blob(REPOSITORY, blob)

    served.call(push)
    with mute(served, path) as client:
        assert served.ask("GET", path).body == blob
        served.left()
        with pytest.raises((Cut, ConnectionResetError)):
            client.answer()
    assert served.call(lambda: served.registry.count("GET", path)) == 1


def test_who_reads_slowly_is_served_to_the_end(served: MirrorThread) -> None:
    began = time.monotonic()
    with mute(served, BLOB_PATH) as client:
        received = bytearray()
        # Three times what a client may take nothing: much less in that time than the kernel's buffer holds.
        while time.monotonic() < began + 3 * STALL:
            received += client.receive(16 * 1024)
            time.sleep(STALL / 20)
        assert len(received) < MIB
        head = received.index(b"\r\n\r\n") + 4
        received += client.take(head + len(BLOB) - len(received))
        assert received[head:] == BLOB
        assert client.ask("GET", "/v2/").status == 200


@pytest.mark.parametrize(
    ("path", "times"),
    [(MANIFEST_PATH, 3), (SMALL_PATH, 200), (BLOB_PATH, 3)],
    ids=["manifest", "small blob", "blob"],
)
def test_who_does_not_read_costs_little_memory(served: MirrorThread, path: str, times: int) -> None:
    clients = 100
    before = resident()
    peak = [before]

    def look() -> bool:
        peak[0] = max(peak[0], resident())
        return served.connections == 0

    with ExitStack() as stack:
        for _ in range(clients):
            stack.enter_context(mute(served, path, times))
        until(look)
    assert (peak[0] - before) / clients < 0.6 * MIB


def until(done: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    "said", [b"", b"GET /v2/ HT", request("GET", "/v2/")[:-2]], ids=["nothing", "a word", "a head"]
)
def test_who_says_too_little_is_let_go(tmp_path: Path, said: bytes, loop: str) -> None:
    with (
        MirrorThread(tmp_path, lambda _: {"limits": {"keepalive": "500ms"}}, loop) as served,
        served.client() as client,
        served.client() as asking,
    ):
        assert asking.ask("GET", "/v2/").status == 200
        client.send(said)
        assert client.is_over()
        assert asking.is_over()


@pytest.mark.parametrize("loop", LOOPS)
def test_who_says_it_letter_by_letter_is_let_go(tmp_path: Path, loop: str) -> None:
    with (
        MirrorThread(tmp_path, lambda _: {"limits": {"keepalive": "500ms"}}, loop) as served,
        served.client() as client,
    ):
        client.send(b"GET /v2/ HTTP/1.1\r\nX: ")

        def refused() -> bool:
            try:
                client.send(b"x")
            except ConnectionError:
                return True
            return False

        until(refused)


@pytest.mark.parametrize("loop", LOOPS)
def test_too_many_are_turned_away_at_once(tmp_path: Path, loop: str) -> None:
    with MirrorThread(tmp_path, lambda _: {"limits": {"connections": 5}}, loop) as served, ExitStack() as stack:
        clients = [stack.enter_context(served.client()) for _ in range(5)]
        assert [client.ask("GET", "/v2/").status for client in clients] == [200] * 5
        for _ in range(3):
            with served.client() as more:
                began = time.monotonic()
                answer = more.ask("GET", "/v2/")
                assert time.monotonic() < began + 5  # which on a busy machine is at once
                assert (answer.status, answer["Retry-After"], answer["Connection"]) == (503, "5", "close")
                assert json.loads(answer.body)["errors"][0]["code"] == "BUSY"
                assert more.is_over()
        with RawClient(served.admin_address) as admin:
            assert admin.ask("GET", "/readyz").status == 200
        assert clients[0].ask("GET", "/v2/").status == 200
        clients[1].close()
        until(lambda: served.connections < 5)
        assert served.ask("GET", "/v2/").status == 200
