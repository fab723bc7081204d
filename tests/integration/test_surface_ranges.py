"""Ranges of blobs as RFC 9110 wants them: in memory, in a file, and still to be fetched, on both event loops."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from mirror.oci.digest import Digest
from tests.support.loops import LOOPS
from tests.support.mirror_thread import MirrorThread
from tests.support.raw_client import Answer
from tests.support.surface import (
    LARGE,
    LARGE_PATH,
    REPOSITORY,
    SMALL,
    SMALL_PATH,
    configuration,
    fill,
    noise,
    said_always,
)

WHOLE = slice(None)
NOTHING = None  # 416
HUGE = "9" * 400


@dataclass(frozen=True, slots=True)
class Range:
    """What a client asks for and what it is given; a slice of the whole, WHOLE with 200, or NOTHING."""

    header: str
    given: slice | None
    if_range: str | None = None  # `{etag}` stands for the right one

    def __str__(self) -> str:
        header = self.header.replace(HUGE, "HUGE")
        return header if self.if_range is None else f"{header} if {self.if_range}"


RANGES = [
    Range("bytes=0-0", slice(0, 1)),
    Range("bytes=0-99", slice(0, 100)),
    Range("bytes=100-199", slice(100, 200)),
    Range("bytes=100-", slice(100, None)),
    Range("bytes=0-", slice(0, None)),
    Range("BYTES=5-9", slice(5, 10)),
    Range("bytes=-1", slice(-1, None)),
    Range("bytes=-100", slice(-100, None)),
    Range("bytes=-99999999", slice(0, None)),
    Range(f"bytes=-{HUGE}", slice(0, None)),
    Range("bytes=10-99999999", slice(10, None)),
    Range(f"bytes=10-{HUGE}", slice(10, None)),
    Range("bytes=00010-00019", slice(10, 20)),
    # nothing of the blob
    Range("bytes=-0", NOTHING),
    Range("bytes=99999999-", NOTHING),
    Range("bytes=99999999-99999999", NOTHING),
    Range(f"bytes={HUGE}-", NOTHING),
    # what a server may ignore, or has to
    Range("bytes=0-0,2-2", WHOLE),
    Range("bytes=0-0, -1", WHOLE),
    Range("bytes=9-5", WHOLE),
    Range("bytes=-", WHOLE),
    Range("bytes=", WHOLE),
    Range("bytes", WHOLE),
    Range("bytes=a-b", WHOLE),
    Range("bytes=1 - 2", WHOLE),
    Range("bytes= 1-2", WHOLE),
    Range("bytes=--1", WHOLE),
    Range("bytes=+1-2", WHOLE),
    Range("bytes=0x1-2", WHOLE),
    Range("bytes=1-2;", WHOLE),
    Range("items=0-5", WHOLE),
    Range("0-5", WHOLE),
    # on the condition that nothing has changed
    Range("bytes=0-9", slice(0, 10), "{etag}"),
    Range("bytes=-0", NOTHING, "{etag}"),
    Range("bytes=0-9", WHOLE, '"another"'),
    Range("bytes=0-9", WHOLE, "W/{etag}"),
    Range("bytes=0-9", WHOLE, "*"),
    Range("bytes=0-9", WHOLE, "Sat, 21 Nov 2026 19:00:00 GMT"),
    Range("bytes=99999999-", WHOLE, '"another"'),
]


@pytest.fixture(scope="module", params=list(LOOPS))
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MirrorThread]:
    with MirrorThread(tmp_path_factory.mktemp("ranges"), configuration, request.param) as served:
        fill(served)
        yield served


def ask(served: MirrorThread, method: str, path: str, asked: Range) -> Answer:
    lines = [f"Range: {asked.header}"]
    if asked.if_range is not None:
        etag = f'"{path.rpartition("/")[2]}"'
        lines.append(f"If-Range: {asked.if_range.format(etag=etag)}")
    return served.ask(method, path, *lines)


def is_given(answer: Answer, asked: Range, whole: bytes) -> None:
    said_always(answer)
    if asked.given is NOTHING:
        assert answer.status == 416
        assert answer["Content-Range"] == f"bytes */{len(whole)}"
        assert b"RANGE_INVALID" in answer.body
        return
    assert answer.body == whole[asked.given]
    if answer.get("Transfer-Encoding") is None:  # nobody knew the length when the head was sent
        assert answer["Content-Length"] == str(len(answer.body))
    assert answer["Accept-Ranges"] == "bytes"
    if asked.given is WHOLE:
        assert (answer.status, answer.get("Content-Range")) == (200, None)
    else:
        start, stop, _ = asked.given.indices(len(whole))
        assert (answer.status, answer["Content-Range"]) == (206, f"bytes {start}-{stop - 1}/{len(whole)}")


@pytest.mark.parametrize("asked", RANGES, ids=str)
@pytest.mark.parametrize(("path", "whole"), [(SMALL_PATH, SMALL), (LARGE_PATH, LARGE)], ids=["memory", "file"])
def test_of_a_cached_blob(served: MirrorThread, asked: Range, path: str, whole: bytes) -> None:
    answer = ask(served, "GET", path, asked)
    is_given(answer, asked, whole)
    if answer.status != 416:
        assert answer["Cache-Status"] == "mirror; hit"


@pytest.mark.parametrize("asked", RANGES, ids=str)
@pytest.mark.parametrize("length_is_known", [True, False], ids=["length", "chunked"])
def test_of_a_blob_that_is_not_there_yet(served: MirrorThread, asked: Range, length_is_known: bool) -> None:
    blob = noise(f"{served.address} {asked} {length_is_known}", 200_000)  # nobody has asked for it before
    digest = Digest.of(blob)

    def push() -> None:
        served.registry.chunked = not length_is_known
        served.registry.push_blob(REPOSITORY, blob)

    served.call(push)
    path = f"/v2/{REPOSITORY}/blobs/{digest}"
    is_given(ask(served, "GET", path, asked), asked, blob)
    served.settle()
    is_given(ask(served, "GET", path, asked), asked, blob)
    assert served.call(lambda: served.registry.count("GET", str(digest))) == 1
    assert served.ask("GET", path).body == blob


@pytest.mark.parametrize("asked", RANGES, ids=str)
@pytest.mark.parametrize(("path", "whole"), [(SMALL_PATH, SMALL), (LARGE_PATH, LARGE)], ids=["memory", "file"])
def test_a_head_is_of_the_whole(served: MirrorThread, asked: Range, path: str, whole: bytes) -> None:
    answer = ask(served, "HEAD", path, asked)
    said_always(answer)
    assert (answer.status, answer["Content-Length"]) == (200, str(len(whole)))
    assert answer.get("Content-Range") is None


def test_a_range_of_nothing_at_all(served: MirrorThread) -> None:
    digest = served.call(lambda: served.registry.push_blob(REPOSITORY, b""))
    path = f"/v2/{REPOSITORY}/blobs/{digest}"
    for _ in range(3):
        assert served.ask("GET", path, "Range: bytes=0-").status == 416
        assert served.ask("GET", path, "Range: bytes=0-")["Content-Range"] == "bytes */0"
        assert served.ask("GET", path).body == b""
        served.settle()


def test_parts_make_the_whole(served: MirrorThread) -> None:
    step = 100_000
    ranges = [
        Range(f"bytes={start}-{start + step - 1}", slice(start, start + step)) for start in range(0, len(LARGE), step)
    ]
    assert b"".join(ask(served, "GET", LARGE_PATH, part).body for part in ranges) == LARGE
