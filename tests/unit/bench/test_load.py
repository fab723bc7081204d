from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, repeat
from pathlib import Path

import pytest

from bench.content import Sizes, make
from bench.links import FAST
from bench.load import Job, Load, requests
from bench.scene import BLOBS, MANIFESTS
from tests.support.bench_upstream import serving

SIZE = 5_000_000


@pytest.fixture
def blob(tmp_path: Path) -> Iterator[tuple[int, str]]:
    """A port, and the path of a blob of SIZE bytes there."""
    content = make(tmp_path / "content", Sizes({"blob": SIZE}, layers={}))
    with serving(content.directory, FAST) as upstream:
        yield upstream.port, BLOBS + content.blobs["blob"].digest


def test_each_client_gets_as_many_answers_as_were_wanted(blob: tuple[int, str]) -> None:
    port, path = blob
    result = Load(Job(port, clients=3, seconds=0, count=2), requests(repeat(path), "GET")).run()
    assert result.requests == 6
    assert 6 * SIZE < result.bytes < 6 * (SIZE + 1000)  # with the heads
    assert len(result.first) == 3
    assert len(result.times) == 6


def test_a_head_has_no_body(blob: tuple[int, str]) -> None:
    port, path = blob
    result = Load(Job(port, clients=2, seconds=0, count=5), requests(repeat(path), "HEAD")).run()
    assert result.requests == 10
    assert result.bytes < 10 * 1000


def test_when_the_time_is_over_nobody_waits_for_the_rest(blob: tuple[int, str]) -> None:
    port, path = blob
    result = Load(Job(port, clients=2, seconds=0.1, count=0), requests(repeat(path), "GET")).run()
    assert 0.1 <= result.seconds < 60
    assert result.bytes


def test_listed_targets_are_asked_for_once_each(blob: tuple[int, str]) -> None:
    port, path = blob
    result = Load(Job(port, clients=2, seconds=30, count=0), requests(iter([path] * 7), "GET")).run()
    assert result.requests == 7


def test_an_error_is_no_answer(blob: tuple[int, str]) -> None:
    port, _ = blob
    load = Load(Job(port, clients=1, seconds=0, count=1), requests(repeat(MANIFESTS + "other"), "GET"))
    with pytest.raises(ConnectionError, match="404"):
        load.run()


def test_with_the_mark_no_two_requests_are_the_same_bytes() -> None:
    plain = set(islice(requests(repeat("/v2/"), "GET"), 5))
    marked = set(islice(requests(repeat("/v2/"), "GET#"), 5))
    assert (len(plain), len(marked)) == (1, 5)
