"""Thousands of requests that make no sense, to a real socket: each has an answer that does, and nothing happens."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import hostile_requests
from tests.support.footprint import resident
from tests.support.hostile_requests import CANARY, HIDDEN
from tests.support.loops import LOOPS
from tests.support.measured import Row, note
from tests.support.mirror_thread import MirrorThread
from tests.support.program import Program
from tests.support.raw_client import Answer, Cut, RawClient
from tests.support.registry import FakeRegistry
from tests.support.surface import (
    LARGE,
    LARGE_DIGEST,
    LARGE_PATH,
    MANIFEST,
    MANIFEST_DIGEST,
    REPOSITORY,
    SMALL,
    SMALL_DIGEST,
    SMALL_PATH,
    TAG_PATH,
    TAGS,
    said_always,
)

AT_ONCE = 8  # clients
GROWTH = 10 * 1024**2  # bytes of memory
CONTENT = {str(MANIFEST_DIGEST): MANIFEST, str(SMALL_DIGEST): SMALL, str(LARGE_DIGEST): LARGE}
OURS = re.compile(r"(?:sha256-)?[0-9a-f]{64}|(?:sha512-)?[0-9a-f]{128}|data")
IMPATIENT = {"LIMITS__KEEPALIVE": "300ms"}

FAMILIES: dict[str, Callable[[], Sequence[bytes]]] = {
    "paths": hostile_requests.paths,
    "digests": hostile_requests.digests,
    "ranges": hostile_requests.ranges,
    "headers": hostile_requests.headers,
    "methods": hostile_requests.methods,
    "framings": hostile_requests.framings,
    "first lines": hostile_requests.first_lines,
    "mutations": lambda: list(hostile_requests.mutations(1500)),
}
LEAST = {"paths": 500, "digests": 60, "ranges": 80, "headers": 300}


def everything() -> list[bytes]:
    return [request for family in FAMILIES.values() for request in family()]


def answers(connect: Callable[[], RawClient], request: bytes) -> list[Answer]:
    """Everything that a connection says to these bytes, and to their end."""
    with connect() as client:
        try:
            client.send(request)
            client.finish()
        except OSError:
            pass  # refused before the last byte, or over before the end was said; the answer is there
        said: list[Answer] = []
        try:
            while client.has_more():
                said.append(client.answer("HEAD" if request.lstrip(b"\r\n").startswith(b"HEAD ") else "GET"))
        except (Cut, ConnectionResetError):
            if not said:
                raise
        return said


def judge(request: bytes, said: Sequence[Answer]) -> None:
    """Every answer is a refusal in our words, or right."""
    for answer in said:
        assert answer.version in ("HTTP/1.1", "HTTP/1.0")
        said_always(answer)
        if answer.status >= 400:
            assert answer.status < 500
            assert CANARY.encode() not in answer.body
            assert CANARY not in str(answer.headers)
            if answer.body:
                assert set(json.loads(answer.body)["errors"][0]) == {"code", "message", "detail"}
        else:
            assert right(answer)


def right(answer: Answer) -> bool:
    """Whether it carries what it says, which is something that we have."""
    digest = answer.get("Docker-Content-Digest")
    if digest is None:
        document = json.loads(answer.body or b"{}")
        return document == {} or (document["name"] == REPOSITORY and set(document["tags"]) <= set(TAGS))
    content = CONTENT[digest]
    if answer.status == 206:
        found = re.fullmatch(r"bytes ([0-9]+)-([0-9]+)/([0-9]+)", answer["Content-Range"])
        assert found is not None
        first, last, size = map(int, found.groups())
        return size == len(content) and answer.body == content[first : last + 1]
    return answer.body in (b"", content) and (answer.status == 304 or answer["Content-Length"] == str(len(content)))


def judged(connect: Callable[[], RawClient], requests: Sequence[bytes]) -> int:
    """Send them all, judge all answers; how many there were."""

    def one(request: bytes) -> int:
        said = answers(connect, request)
        try:
            judge(request, said)
        except (AssertionError, KeyError, ValueError) as error:
            raise AssertionError(f"to {request[:300]!r}: {said}") from error
        return len(said)

    with ThreadPoolExecutor(AT_ONCE) as clients:
        return sum(clients.map(one, requests))


def fill(registry: FakeRegistry) -> None:
    image = registry.push_image(REPOSITORY, TAGS[0], [SMALL, LARGE])
    for tag in TAGS[1:]:
        registry.push_manifest(REPOSITORY, tag, image.manifest_body, image.media_type)


def test_there_are_enough_of_them() -> None:
    sizes = {name: len(set(family())) for name, family in FAMILIES.items()}
    assert sum(sizes.values()) >= 3000
    assert all(sizes[name] >= least for name, least in LEAST.items())


@pytest.mark.parametrize("loop", LOOPS)
async def test_nonsense_is_answered_and_costs_nothing(tmp_path: Path, loop: str) -> None:
    requests = everything()
    async with FakeRegistry() as registry:
        fill(registry)
        with Program(tmp_path, registry.url, IMPATIENT, loop) as program:
            await asyncio.to_thread(judged, program.client, requests[::10])  # which fills what caches there are
            before = resident(program.pid)
            number = await asyncio.to_thread(judged, program.client, requests)
            assert number > 0.9 * len(requests)
            grown = resident(program.pid) - before
            assert grown <= GROWTH
            with program.client() as client:
                assert (await asyncio.to_thread(client.ask, "GET", TAG_PATH)).body == MANIFEST
            program.signal(signal.SIGTERM)
            assert await asyncio.to_thread(program.ended) == 0
            lines = program.log
    assert [line for line in lines if line.get("level") not in ("info", "debug") or "exception" in line] == []
    assert sum(line["event"] == "request" for line in lines) >= number
    what = f"{len(requests)} requests that make no sense ({loop}): 5xx, hangs, tracebacks; memory"
    note(Row("F9", what, f"0; {GROWTH // 1024**2} MiB", f"0; {grown / 1024**2:.1f} MiB"))


class Opened:
    """The files that this process opens while it is told to look."""

    def __init__(self) -> None:
        self.looking = False
        self.paths: list[str] = []
        sys.addaudithook(self._hear)

    @contextmanager
    def look(self) -> Iterator[None]:
        self.looking = True
        try:
            yield
        finally:
            self.looking = False

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.looking and event == "open" and isinstance(arguments[0], (str, bytes)):
            self.paths.append(os.fsdecode(arguments[0]))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MirrorThread]:
    impatient = {"limits": {"keepalive": "300ms"}}
    with MirrorThread(tmp_path_factory.mktemp("requests"), lambda _: impatient) as served:
        served.call(lambda: fill(served.registry))
        for path in (TAG_PATH, SMALL_PATH, LARGE_PATH):
            assert served.ask("GET", path).status == 200
        served.settle()
        yield served


def test_no_file_is_opened_but_blobs(served: MirrorThread) -> None:
    requests = everything()
    opened = Opened()
    with opened.look():
        judged(served.client, requests)
        assert served.ask("GET", LARGE_PATH).body == LARGE
    # Blobs and ingests, each relative to a directory that is open.
    assert LARGE_DIGEST.encoded in opened.paths
    strange = {path for path in opened.paths if OURS.fullmatch(path) is None}
    what = f"{len(requests)} requests, {len(opened.paths)} opens: names outside the cache, or within it of no blob"
    note(Row("F17", what, "0", f"{len(strange)}"))
    assert strange == set()


def test_what_is_refused_is_not_asked_upstream(served: MirrorThread) -> None:
    before = served.call(lambda: len(served.registry.requests))
    for family in ("methods", "framings"):
        for request in FAMILIES[family]()[::5]:
            judge(request, answers(served.client, request))
    assert served.call(lambda: len(served.registry.requests)) == before


def test_what_hides_behind_a_request_is_not_answered(served: MirrorThread) -> None:
    for request in hostile_requests.framings():
        said = answers(served.client, request)
        shown = [answer for answer in said if answer.get("Docker-Content-Digest") == str(SMALL_DIGEST)]
        assert shown == [] or request.index(HIDDEN) == request.index(b"\r\n\r\n") + 4, request


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    request=st.sampled_from(list(hostile_requests.mutations(50, seed=1))) | st.binary(max_size=200),
    at=st.integers(0, 200),
    length=st.integers(0, 20),
    piece=st.binary(max_size=20) | st.sampled_from([b"\r\n", b"\n", b"\x00", b" ", b":", b"chunked", b"Host: b\r\n"]),
)
def test_anything_at_all_is_answered_or_left(
    served: MirrorThread, request: bytes, at: int, length: int, piece: bytes
) -> None:
    request = hostile_requests.mutated(request, at, length, piece)
    judge(request, answers(served.client, request))
    assert served.ask("GET", "/v2/").status == 200
