"""What a connection to the registry carries: answer after answer, in order, to clients old and new, on both loops."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mirror.oci.digest import Digest
from tests.support.faults import Fault, Gate
from tests.support.figures import figure
from tests.support.loops import LOOPS
from tests.support.mirror_thread import MirrorThread
from tests.support.raw_client import Cut, request
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
    configuration,
    fill,
    noise,
    said_always,
)

EVERYTHING = ["/v2/", TAG_PATH, DIGEST_PATH, LARGE_PATH, SMALL_PATH, LIST_PATH, "/v2/a/manifests/none", "/nowhere"]
BODIES = {TAG_PATH: MANIFEST, DIGEST_PATH: MANIFEST, LARGE_PATH: LARGE, SMALL_PATH: SMALL, "/v2/": b"{}"}


@pytest.fixture(scope="module", params=list(LOOPS))
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MirrorThread]:
    with MirrorThread(tmp_path_factory.mktemp("connections"), configuration, request.param) as served:
        fill(served)
        yield served


def test_one_connection_carries_many_requests(served: MirrorThread) -> None:
    with served.client() as client:
        for _ in range(5):
            for path, body in BODIES.items():
                assert client.ask("GET", path).body == body
                assert client.ask("HEAD", path)["Content-Length"] == str(len(body))
        assert client.is_open()


@pytest.mark.parametrize("path", EVERYTHING)
def test_a_client_that_wants_no_more_is_left(served: MirrorThread, path: str) -> None:
    for _ in range(2):
        with served.client() as client:
            answer = client.ask("GET", path, "Connection: close")
            assert answer["Connection"] == "close"
            assert answer.body == BODIES.get(path, answer.body)
            assert client.is_over()


@pytest.mark.parametrize("path", EVERYTHING)
def test_an_old_client_gets_one_answer(served: MirrorThread, path: str) -> None:
    for _ in range(2):
        with served.client() as client:
            client.send(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            answer = client.answer()
            assert answer.version == "HTTP/1.0"
            assert answer.get("Connection") is None
            assert answer.body == BODIES.get(path, answer.body)
            assert client.is_over()


def test_an_old_client_may_stay(served: MirrorThread) -> None:
    with served.client() as client:
        for path, body in BODIES.items():
            answer = client.ask("GET", path, "Connection: keep-alive", version="HTTP/1.0")
            assert (answer["Connection"], answer.body) == ("keep-alive", body)
        assert client.is_open()


@pytest.mark.parametrize("path", EVERYTHING)
def test_head_and_get_agree(served: MirrorThread, path: str) -> None:
    got, head = served.ask("GET", path), served.ask("HEAD", path)
    assert (head.status, head.body) == (got.status, b"")
    own = {"x-request-id", "date", "age", "cache-status"}
    assert [pair for pair in head.headers if pair[0].lower() not in own] == [
        pair for pair in got.headers if pair[0].lower() not in own
    ]


def test_pipelined_requests_are_answered_in_order(served: MirrorThread) -> None:
    order = [LARGE_PATH, TAG_PATH, SMALL_PATH, LARGE_PATH, "/v2/", DIGEST_PATH, LARGE_PATH] * 5
    with served.client(window=4096) as client:
        client.send(b"".join(request("GET", path) for path in order))
        ids = []
        for path in order:
            answer = client.answer()
            assert answer.body == BODIES[path]
            ids.append(int(answer["X-Request-ID"].rpartition("-")[2], 16))
        assert ids == sorted(ids)
        assert client.is_open()


def test_pipelined_methods_and_ranges_keep_apart(served: MirrorThread) -> None:
    with served.client() as client:
        client.send(
            request("HEAD", LARGE_PATH)
            + request("GET", LARGE_PATH, "Range: bytes=5-9")
            + request("HEAD", TAG_PATH)
            + request("GET", "/v2/x/manifests/none")
            + request("GET", LARGE_PATH, "Range: bytes=-0")
            + request("GET", SMALL_PATH, "If-None-Match: *")
            + request("DELETE", SMALL_PATH)
            + request("GET", SMALL_PATH)
        )
        assert client.answer("HEAD")["Content-Length"] == str(len(LARGE))
        assert client.answer().body == LARGE[5:10]
        assert client.answer("HEAD")["Content-Length"] == str(len(MANIFEST))
        assert [client.answer().status for _ in range(4)] == [404, 416, 304, 405]
        assert client.is_over()  # nothing that follows a refusal is looked at


def test_a_manifest_waits_for_the_blob_before_it(served: MirrorThread) -> None:
    blob = noise(f"pipelined {served.address}", 300_000)
    digest = Digest.of(blob)
    gate = served.call(Gate)

    def push() -> None:
        served.registry.push_blob(REPOSITORY, blob)
        served.registry.fail(Fault(gate=gate), "GET", str(digest))

    served.call(push)
    with served.client() as client:
        client.send(request("GET", f"/v2/{REPOSITORY}/blobs/{digest}"), request("GET", TAG_PATH))
        served.do(gate.arrived.wait)
        assert served.ask("GET", TAG_PATH).body == MANIFEST  # others do not wait
        assert client.is_open()
        served.call(gate.open)
        assert client.answer().body == blob
        assert client.answer().body == MANIFEST


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_a_blob_of_unknown_length_arrives_whole(served: MirrorThread, version: str) -> None:
    blob = noise(f"{version} {served.address}", 300_000)

    def push() -> None:
        served.registry.chunked = True
        served.registry.push_blob(REPOSITORY, blob)

    served.call(push)
    with served.client() as client:
        answer = client.ask("GET", f"/v2/{REPOSITORY}/blobs/{Digest.of(blob)}", version=version)
        said_always(answer)
        assert answer.body == blob
        assert answer.get("Transfer-Encoding") == ("chunked" if version == "HTTP/1.1" else None)


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_body_that_is_not_what_its_digest_says_never_ends_tidily(served: MirrorThread, chunked: bool) -> None:
    blob = noise(f"wrong {chunked} {served.address}", 300_000)
    digest = Digest.of(blob)

    def push() -> None:
        served.registry.chunked = chunked
        served.registry.push_blob(REPOSITORY, blob)
        served.registry.fail(Fault(flip_at=150_000), "GET", str(digest))

    served.call(push)
    path = f"/v2/{REPOSITORY}/blobs/{digest}"
    with served.client() as client, pytest.raises(Cut):
        client.ask("GET", path)
    served.settle()
    assert served.ask("GET", path).body == blob


@pytest.mark.parametrize("path", BODIES)
def test_a_client_that_has_said_all_gets_its_answer(served: MirrorThread, path: str) -> None:
    with served.client(window=4096) as client:
        client.send(request("GET", path))
        client.finish()
        assert client.answer().body == BODIES[path]
        assert client.is_over()


def test_a_client_that_has_said_all_at_once_gets_all_answers(served: MirrorThread) -> None:
    with served.client() as client:
        client.send(b"".join(request("GET", path) for path in BODIES))
        client.finish()
        assert [client.answer().body for _ in BODIES] == list(BODIES.values())


def test_a_client_that_leaves_without_a_word_is_not_waited_for(served: MirrorThread) -> None:
    with served.client() as client:
        client.send(b"GET /v2/ HT")
        client.finish()
        assert client.is_over()


@pytest.mark.parametrize("loop", LOOPS)
def test_one_too_many_is_told_so_and_counted(tmp_path: Path, loop: str) -> None:
    with MirrorThread(tmp_path, lambda _: {"limits": {"connections": 1}}, loop) as served:
        with served.client() as first:
            assert first.ask("GET", "/v2/").status == 200
            with served.client() as second:
                answer = second.ask("GET", "/v2/")
                assert (answer.status, answer["Cache-Status"]) == (503, "mirror; detail=busy")
                assert second.is_over()
        assert figure(served.mirror.mirror.metrics.render(), "mirror_connections_refused_total") == 1
