"""What clients hear when the registry behind is in trouble: words, and a status to act on, which is never 401."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.faults import Fault
from tests.support.loops import LOOPS
from tests.support.mirror_thread import MirrorThread
from tests.support.raw_client import Answer
from tests.support.surface import (
    ABSENT_DIGEST,
    LARGE,
    LARGE_PATH,
    LIST_PATH,
    MANIFEST,
    OTHER,
    REPOSITORY,
    SMALL,
    SMALL_PATH,
    TAG_PATH,
    said_always,
)

KINDS = [TAG_PATH, f"/v2/{REPOSITORY}/manifests/{ABSENT_DIGEST}", LARGE_PATH, SMALL_PATH, LIST_PATH]
HTML = {"Content-Type": "text/html"}
PATIENCE = {"first_byte_timeout": "1s", "answer_timeout": "3s", "connect_timeout": "3s", "read_timeout": "1s"}

TROUBLES: dict[str, tuple[Fault, set[tuple[int, str]]]] = {
    "401": (Fault(status=401), {(403, "DENIED")}),
    "403": (Fault(status=403), {(403, "DENIED")}),
    "404": (Fault(status=404), {(404, "MANIFEST_UNKNOWN"), (404, "BLOB_UNKNOWN"), (404, "NAME_UNKNOWN")}),
    "429": (Fault(status=429), {(503, "TOOMANYREQUESTS")}),
    "500": (Fault(status=500), {(503, "UNAVAILABLE")}),
    "503": (Fault(status=503), {(503, "UNAVAILABLE")}),
    "a reset": (Fault(drop=True), {(503, "UNAVAILABLE"), (502, "BAD_UPSTREAM")}),
}


@pytest.fixture(params=list(LOOPS))
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MirrorThread]:
    def configuration(registry: str) -> dict[str, object]:
        upstreams = {"docker.io": {"tag_ttl": "0s"}, OTHER: {"endpoints": registry}}
        return {"limits": PATIENCE | {"resumes": 0}, "upstreams": upstreams}

    with MirrorThread(tmp_path, configuration, request.param) as served:
        served.call(lambda: served.registry.push_image(REPOSITORY, "v1", [SMALL, LARGE]))
        yield served


def error(answer: Answer) -> tuple[int, str]:
    said_always(answer)
    assert answer.get("WWW-Authenticate") is None
    (said,) = json.loads(answer.body)["errors"]
    return answer.status, said["code"]


@pytest.mark.parametrize("trouble", TROUBLES)
def test_trouble_has_its_status_and_its_words(served: MirrorThread, trouble: str) -> None:
    fault, expected = TROUBLES[trouble]
    served.call(lambda: served.registry.fail(fault, times=None))
    for path in KINDS:
        assert error(served.ask("GET", path)) in expected, path
        assert served.ask("HEAD", path).status in {status for status, _ in expected}, path
        echoed = served.ask("GET", f"{path}?ns={OTHER}")
        assert error(echoed) in expected
        assert echoed["OCI-Namespace"] == OTHER


def test_a_registry_that_is_gone_is_unavailable(served: MirrorThread) -> None:
    served.do(served.registry.stop)
    for path in KINDS:
        assert error(served.ask("GET", path)) == (503, "UNAVAILABLE")


def test_a_registry_that_does_not_answer_is_not_waited_for(served: MirrorThread) -> None:
    def fall_silent() -> Callable[[], None]:
        silence = asyncio.Event()
        served.registry.fail(Fault(hold=silence), times=None)
        return silence.set

    speak = served.call(fall_silent)
    try:
        for path in KINDS:
            assert error(served.ask("GET", path)) in {(504, "TIMEOUT"), (503, "UNAVAILABLE")}
    finally:
        served.call(speak)


def test_what_is_no_manifest_is_not_passed_on(served: MirrorThread) -> None:
    served.call(lambda: served.registry.fail(Fault(body=b"<html>log in</html>", headers=HTML), times=None))
    assert error(served.ask("GET", TAG_PATH)) == (502, "BAD_UPSTREAM")
    assert error(served.ask("GET", LIST_PATH)) == (502, "BAD_UPSTREAM")


def test_a_tag_outlives_its_registry_and_says_so(served: MirrorThread) -> None:
    assert served.ask("GET", TAG_PATH).body == MANIFEST
    served.do(served.registry.stop)
    for method in ("GET", "HEAD", "GET"):
        answer = served.ask(method, TAG_PATH)
        said_always(answer)
        assert answer.status == 200
        assert answer["Cache-Status"].startswith("mirror; hit; detail=stale; ttl=")
        assert answer["Warning"].startswith('299 - "docker.io ')
        assert int(answer["Age"]) >= 0
        assert answer.body == (MANIFEST if method == "GET" else b"")


def test_a_list_of_what_is_known_says_that_it_is_no_more(served: MirrorThread) -> None:
    assert served.ask("GET", TAG_PATH).status == 200
    served.do(served.mirror.mirror.store.flush)
    served.do(served.registry.stop)
    answer = served.ask("GET", LIST_PATH)
    said_always(answer)
    assert json.loads(answer.body) == {"name": REPOSITORY, "tags": ["v1"]}
    assert answer["Warning"].startswith('299 - "docker.io ')


def test_blobs_outlive_their_registry_without_a_word(served: MirrorThread) -> None:
    for path, body in ((SMALL_PATH, SMALL), (LARGE_PATH, LARGE)):
        assert served.ask("GET", path).body == body
    served.settle()
    served.do(served.registry.stop)
    for path, body in ((SMALL_PATH, SMALL), (LARGE_PATH, LARGE)):
        answer = served.ask("GET", path)
        assert (answer.body, answer["Cache-Status"], answer.get("Warning")) == (body, "mirror; hit", None)
