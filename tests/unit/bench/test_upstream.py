from __future__ import annotations

import threading
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest

from bench.content import Content, Sizes, make
from bench.links import FAST, Link
from bench.scene import BLOBS, MANIFESTS
from bench.upstream import Part, Upstream
from tests.support.bench_upstream import serving

SLOW = Link("slow", latency=0.01, connection_rate=1e6, total_rate=1.5e6)


@pytest.fixture
def content(tmp_path: Path) -> Content:
    return make(tmp_path / "content", Sizes({"blob": 300_000}, layers={}))


def get(upstream: Upstream, path: str, **headers: str) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", upstream.port, timeout=20)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (b"", (0, 10, True)),
        (b"Range: bytes=3-5\r\n", (3, 6, False)),
        (b"range: bytes=3-\r\n", (3, 10, False)),
        (b"Range: bytes=3-99\r\n", (3, 10, False)),
    ],
)
def test_a_range_means_these_bytes(written: bytes, expected: tuple[int, int, bool]) -> None:
    part = Part.asked(b"GET / HTTP/1.1\r\n" + written, 10)
    assert part is not None
    assert (part.start, part.end, part.whole) == expected


@pytest.mark.parametrize("written", [b"Range: bytes=10-\r\n", b"Range: bytes=5-3\r\n"])
def test_a_range_that_is_not_there_is_none(written: bytes) -> None:
    assert Part.asked(b"GET / HTTP/1.1\r\n" + written, 10) is None


def test_blobs_and_bytes_are_counted(content: Content) -> None:
    with serving(content.directory, FAST) as upstream:
        blob = content.blobs["blob"]
        whole = (content.directory / "blobs" / blob.digest.partition(":")[2]).read_bytes()
        assert get(upstream, BLOBS + blob.digest) == (200, whole)
        assert get(upstream, BLOBS + blob.digest, Range="bytes=299990-") == (206, whole[-10:])
        assert get(upstream, BLOBS + blob.digest, Range="bytes=300000-")[0] == 416
        assert get(upstream, MANIFESTS + "latest")[0] == 200
        assert get(upstream, MANIFESTS + "other")[0] == 404
        assert get(upstream, BLOBS + "sha256:00")[0] == 404
        assert upstream.counts == {"blobs": 2, "bytes": 300_010, "manifests": 1}


def test_a_link_keeps_bytes_back_on_each_connection_and_on_all(content: Content) -> None:
    with serving(content.directory, SLOW) as upstream:
        path = BLOBS + content.blobs["blob"].digest
        began = time.monotonic()
        assert get(upstream, path)[0] == 200
        assert time.monotonic() - began > 0.25  # 300 kB at 1 MB/s, less the burst
        began = time.monotonic()
        clients = [threading.Thread(target=get, args=(upstream, path)) for _ in range(2)]
        for client in clients:
            client.start()
        for client in clients:
            client.join(20)
        assert time.monotonic() - began > 0.35  # 600 kB at 1.5 MB/s, less the burst
        assert upstream.counts["bytes"] == 900_000
