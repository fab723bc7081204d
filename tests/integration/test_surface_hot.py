"""What is answered from memory in one go is what the long way would have answered, and ends when it should."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirror.oci.media_types import OCI_INDEX, OCI_MANIFEST
from tests.support import content
from tests.support.faults import Fault
from tests.support.loops import LOOPS
from tests.support.mirror_thread import MirrorThread
from tests.support.raw_client import Answer, RawClient
from tests.support.surface import (
    DIGEST_PATH,
    MANIFEST_DIGEST,
    OTHER,
    REPOSITORY,
    SMALL_DIGEST,
    SMALL_PATH,
    TAG_PATH,
    configuration,
    fill,
)

EACH_TIME = {"x-request-id", "date", "age"}
DOCKERD = tuple(
    f"Accept: {media_type}"
    for media_type in (
        "application/json",
        "application/vnd.docker.distribution.manifest.v2+json",
        OCI_INDEX,
        "application/vnd.docker.distribution.manifest.list.v2+json",
        OCI_MANIFEST,
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
    )
)
SHAPES: dict[str, tuple[str, ...]] = {
    "bare": (),
    "everything": ("Accept: */*",),
    "as dockerd": (*DOCKERD, "Connection: close", "User-Agent: docker/28.5"),
    "as containerd": (f"Accept: {OCI_MANIFEST}, */*", "Accept-Encoding: zstd;q=1.0, gzip;q=0.8"),
    "that type": (f"Accept: {OCI_MANIFEST}",),
    "another type": (f"Accept: {OCI_INDEX}",),
    "not that type": (f"Accept: {OCI_MANIFEST};q=0",),
    "an Accept without sense": ("Accept: \xff/;;,,=",),
    "leaving": ("Connection: close",),
    "staying": ("Connection: keep-alive",),
    "with what it has": (f'If-None-Match: "{MANIFEST_DIGEST}", "{SMALL_DIGEST}"',),
    "with something else": ('If-None-Match: "else"',),
    "in part": ("Range: bytes=3-7",),
    "in no part": ("Range: bytes=-0",),
    "in part, if": ("Range: bytes=3-7", 'If-Range: "else"'),
    "if it was not changed": ("If-Modified-Since: Sat, 21 Nov 2026 19:00:00 GMT", "If-Match: *"),
    "logged in": ("Authorization: Basic Og==", "Cookie: a=b"),
}
_numbers = itertools.count()


@pytest.fixture(scope="module", params=list(LOOPS))
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MirrorThread]:
    with MirrorThread(tmp_path_factory.mktemp("hot"), configuration, request.param) as served:
        fill(served)
        for path in (SMALL_PATH, f"{SMALL_PATH}?ns={OTHER}"):
            served.ask("GET", path)  # which brings it into memory
        yield served


def is_hot(answer: Answer) -> bool:
    """Only there does the request's number come after what is always the same."""
    names = [name for name, _ in answer.headers]
    return names.index("X-Request-ID") > names.index("Cache-Status") + 1


def fresh_target(path: str) -> str:
    """The same for the mirror, but nothing that it has been asked before."""
    return f"{path}{'&' if '?' in path else '?'}number={next(_numbers)}"


def hot_target(served: MirrorThread, path: str) -> str:
    target = fresh_target(path)
    assert not is_hot(served.ask("GET", target))
    assert is_hot(served.ask("GET", target))
    return target


def exchanged(client: RawClient, method: str, target: str, shape: tuple[str, ...]) -> tuple[object, ...]:
    """All that a client notices of an answer but for what differs each time; and whether it can ask again."""
    answer = client.ask(method, target, *shape)
    headers = [(name, "" if name.lower() in EACH_TIME else value) for name, value in answer.headers]
    ends = answer.get("Connection") == "close"
    assert client.is_over() if ends else client.is_open()
    return answer.version, answer.status, sorted(headers), answer.body, ends


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "path", [TAG_PATH, DIGEST_PATH, SMALL_PATH, f"{TAG_PATH}?ns={OTHER}", f"{SMALL_PATH}?ns={OTHER}"]
)
def test_the_short_way_answers_what_the_long_way_does(served: MirrorThread, path: str, method: str, shape: str) -> None:
    served.ask(method, path, *SHAPES[shape])  # whatever has to be asked for such a client is known from then on
    hot = hot_target(served, path)
    with served.client() as long, served.client() as short:
        slowly = exchanged(long, method, fresh_target(path), SHAPES[shape])
        for _ in range(3):  # the long way, then from memory, then by the bytes of the request alone
            if short.is_open():
                assert exchanged(short, method, hot, SHAPES[shape]) == slowly


@pytest.mark.parametrize("method", ["POST", "DELETE", "HEAD"])
def test_only_reading_is_answered_the_short_way(served: MirrorThread, method: str) -> None:
    answer = served.ask(method, hot_target(served, TAG_PATH))
    assert answer.status == (200 if method == "HEAD" else 405)


@pytest.mark.parametrize(
    "refused",
    [
        b"GET {target} HTTP/1.1\r\n\r\n",
        b"GET {target} HTTP/2.0\r\nHost: a\r\n\r\n",
        b"GET {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
        b"GET {target} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_what_is_unsound_is_refused_whatever_it_asks_for(served: MirrorThread, refused: bytes) -> None:
    target = hot_target(served, TAG_PATH)
    with served.client() as client:
        client.send(refused.replace(b"{target}", target.encode()))
        assert client.answer().status == 400
        assert client.is_over()


def test_an_old_client_is_answered_in_its_own_version(served: MirrorThread) -> None:
    target = hot_target(served, TAG_PATH)
    with served.client() as client:
        answer = client.ask("GET", target, version="HTTP/1.0")
        assert (answer.version, answer.status) == ("HTTP/1.0", 200)
        assert not is_hot(answer)


def test_a_client_of_narrow_tastes_changes_nothing_for_others(served: MirrorThread) -> None:
    image = content.manifest(b"{}", [b"for one platform"])
    path = f"/v2/{REPOSITORY}/manifests/many"

    def push() -> bytes:
        one = served.registry.push_image(REPOSITORY, None, [b"one layer"])
        served.registry.push_index(REPOSITORY, "many", [one])
        return content.index([one])

    def convert() -> None:
        """As registries do that pick a platform for those who take no index."""
        headers = {"Content-Type": OCI_MANIFEST, "Docker-Content-Digest": None, "ETag": None}
        served.registry.fail(Fault(body=image, headers=headers), path=path, times=None)

    index = served.call(push)
    assert [served.ask("GET", path).body for _ in range(3)] == [index] * 3
    served.call(convert)
    narrow = f"Accept: {OCI_MANIFEST}"
    assert [served.ask("GET", path, narrow).body for _ in range(4)] == [image] * 4
    served.call(served.registry.heal)
    for shape in (SHAPES["everything"], SHAPES["bare"], DOCKERD):
        answers = [served.ask("GET", path, *shape) for _ in range(3)]
        assert [(answer.body, answer["Content-Type"]) for answer in answers] == [(index, OCI_INDEX)] * 3
    answers = [served.ask("GET", path, narrow), served.ask("GET", path)]
    assert answers[0].body == image
    assert is_hot(answers[1])
    assert {answer["Vary"] for answer in answers} == {"Accept"}


@pytest.mark.parametrize("loop", LOOPS)
def test_a_tag_that_is_never_fresh_is_asked_for_each_time(tmp_path: Path, loop: str) -> None:
    never = {"upstreams": {"docker.io": {"tag_ttl": "0s"}}}
    with MirrorThread(tmp_path, lambda _: never, loop) as served:
        served.call(lambda: served.registry.push_image(REPOSITORY, "v1", [b"layer"]))
        for _ in range(4):
            assert served.ask("GET", TAG_PATH).status == 200
        assert served.call(lambda: served.registry.count(path="/manifests/v1")) == 4


@pytest.mark.parametrize("loop", LOOPS)
def test_the_host_counts_where_hosts_mean_registries(tmp_path: Path, loop: str) -> None:
    def by_host(registry: str) -> dict[str, object]:
        return {"upstreams": {OTHER: {"endpoints": registry, "hosts": "other.mirror.test", "deny": "team/*"}}}

    with MirrorThread(tmp_path, by_host, loop) as served:
        fill_one = served.call(lambda: served.registry.push_image(REPOSITORY, "v1", [b"layer"]))
        for _ in range(3):
            assert served.ask("GET", TAG_PATH).body == fill_one.manifest_body
        with served.client() as client:
            client.send(f"GET {TAG_PATH} HTTP/1.1\r\nHost: other.mirror.test\r\n\r\n".encode())
            assert client.answer().status == 403
