"""A registry that answers in every wrong way there is: clients hear what is true or an error of ours, and it is over soon.

What an answer may look like is in `hostile_answers`. One mirror hears them all, so what one answer leaves behind would
be met by the next.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings

from mirror.oci.digest import Digest
from mirror.upstream.surroundings import Surroundings
from tests.fakes.addresses import Lenient
from tests.fakes.registry import Registry
from tests.support.caches import published, under_way
from tests.support.checker import Cache, until
from tests.support.clock import Ahead
from tests.support.content import OCI_INDEX, Image
from tests.support.faults import Fault
from tests.support.hostile_answers import CANARY, Mutation, mutations
from tests.support.mirror import MirrorUnderTest
from tests.support.raw import play
from tests.support.tiers import count
from tests.support.wire import Reply, Seen, send

EXAMPLES = count(40, 2000)  # of each kind
DEADLINE = 5.0  # seconds for any answer: more than all the limits below come to
LEFT_ALONE = 601.0  # seconds for which nothing is asked of a registry that is down, at the very most
LARGEST = 64 * 1024
PART = 100  # bytes of a layer, which is larger
STATUSES = frozenset({200, 206, 403, 404, 502, 503, 504})  # that clients may hear here; 500 is not among them


class Hostile(Registry):
    """As it should be, but for the requests that `met` takes: their answers are altered."""

    def __init__(self) -> None:
        super().__init__()
        self.met: Callable[[Seen], bool] = lambda _: False
        self.mutation = Mutation()
        self.altered = 0

    async def _answered(self, seen: Seen, writer: asyncio.StreamWriter) -> bool:
        fault = self._fault_for(seen)
        if fault != Fault() or not self.met(seen):
            return await send(writer, seen, self._reply(seen, fault), fault)
        self.altered += 1
        for step in self.mutation.script(self._reply(seen, Fault()), seen.method == "HEAD"):
            if not await play(step, writer):
                return False
        return True

    def _worded(self, seen: Seen, fault: Fault) -> Reply:
        if seen.path == "/v1/search":
            found = {"name": "team/app", "description": "an app", "star_count": 1, "is_official": False}
            body = {"num_results": 1, "query": "app", "results": [found]}
            return Reply(200, {"Content-Type": "application/json"}, json.dumps(body).encode())
        if "/referrers/" in seen.path:
            return self._referrers(seen)  # whoever asks
        return super()._worded(seen, fault)


@dataclass(frozen=True, slots=True)
class Kind:
    """A client asks for `path`; of what the mirror asks for that, everything with `met` in its path is altered."""

    path: str
    met: str
    method: str = "GET"
    set_up: Callable[[Hostile], None] = lambda _: None


def with_tokens(registry: Hostile) -> None:
    registry.require_bearer()


def with_a_storage(registry: Hostile) -> None:
    registry.redirects = True


def broken_once(registry: Hostile) -> None:
    """The first part of the blob is sound, and the rest is altered."""
    registry.fail(Fault(cut_at=PART), "GET", "/blobs/")


KINDS = {
    "tag": Kind("manifests/v1", "/manifests/"),
    "digest": Kind("manifests/{digest}", "/manifests/"),
    "head": Kind("manifests/v1", "/manifests/", "HEAD"),
    "blob": Kind("blobs/{layer}", "/blobs/"),
    "head of a blob": Kind("blobs/{layer}", "/blobs/", "HEAD"),
    "rest of a blob": Kind("blobs/{layer}", "/blobs/", set_up=broken_once),
    "redirect": Kind("blobs/{layer}", "/blobs/", set_up=with_a_storage),
    "storage": Kind("blobs/{layer}", "/objects/", set_up=with_a_storage),
    "tags": Kind("tags/list", "/tags/"),
    "referrers": Kind("referrers/{digest}", "/referrers/"),
    "challenge": Kind("manifests/v1", "/manifests/", set_up=with_tokens),
    "token": Kind("manifests/{digest}", "/token", set_up=with_tokens),
    "search": Kind("/v1/search?q=app{number}", "/v1/search"),
}


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer as far as it came; `headers` as they stood on the wire."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    complete: bool

    def value(self, name: str) -> str | None:
        values = [value for key, value in self.headers if key.lower() == name]
        assert len(values) <= 1, name
        return values[0] if values else None


_DIGEST = r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}"
_words = r"[ !#-\[\]-~]*"
# All that an answer of ours may say, to the byte.
HEADERS = {
    name: re.compile(value, re.ASCII)
    for name, value in {
        "accept-ranges": "bytes",
        "age": r"\d{1,10}",
        "cache-status": r"mirror; [ -~]{1,100}",
        "connection": "close|keep-alive",
        "content-length": r"\d{1,19}",
        "content-range": r"bytes (?:\*|\d+-\d+)/\d+",
        "content-type": r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}(?:; charset=utf-8)?",
        "date": r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT",
        "docker-content-digest": _DIGEST,
        "docker-distribution-api-version": "registry/2.0",
        "etag": f'"(?:{_DIGEST})"',
        "link": rf'</v2/[a-z0-9/]+/tags/list\?{_words}>; rel="?next"?',
        "retry-after": r"\d{1,6}",
        "server": "mirror",
        "transfer-encoding": "chunked",
        "warning": rf'299 - "{_words}"',
        "x-request-id": r"[0-9a-zA-Z-]{1,64}",
    }.items()
}


@dataclass(slots=True)
class Stage:
    """The mirror, and the registry behind it, on one loop for all examples."""

    runner: asyncio.Runner
    registry: Hostile
    mirror: MirrorUnderTest
    clock: Ahead
    complaints: list[dict[str, Any]]
    number: int = 0

    @property
    def cache(self) -> Cache:
        return Cache.of(self.mirror)

    async def ask(self, method: str, path: str) -> Heard:
        """Raises TimeoutError when it takes longer than the deadline."""
        body = bytearray()
        async with (
            asyncio.timeout(DEADLINE),
            self.mirror.session.request(method, self.mirror.url + path, allow_redirects=False) as response,
        ):
            headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.raw_headers)
            try:
                async for piece in response.content.iter_any():
                    body += piece
            except aiohttp.ClientError:
                return Heard(response.status, headers, bytes(body), False)
            return Heard(response.status, headers, bytes(body), True)

    async def settle(self) -> None:
        """Until nothing is fetched any more; by then nobody leaves the registry alone either."""
        await until(lambda: len(self.mirror.mirror.pulls.fetches) == 0)
        self.clock.advance(LEFT_ALONE)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    complaints: list[dict[str, Any]] = []
    with asyncio.Runner() as runner:
        runner.get_loop().set_exception_handler(lambda _, context: complaints.append(context))
        registry, clock = Hostile(), Ahead()
        registry.referrers = True
        runner.run(registry.start())
        mirror = _mirror(tmp_path_factory.mktemp("answers"), registry, clock)
        runner.run(mirror.start())
        yield Stage(runner, registry, mirror, clock, complaints)
        runner.run(mirror.stop())
        runner.run(registry.stop())


def _mirror(root: Path, registry: Hostile, clock: Ahead) -> MirrorUnderTest:
    times = {"connect_timeout": "1s", "first_byte_timeout": "200ms", "read_timeout": "200ms", "answer_timeout": "1s"}
    overrides = {
        "limits": {**times, "resumes": 1, "manifest_size": LARGEST, "token_size": LARGEST},
        "upstreams": {
            "docker.io": {
                "not_found_ttl": "0s",
                "tag_ttl": "0s",
                "search": registry.url,
                "insecure": True,
            }
        },
    }
    # Names that answers make up lead nowhere, and nobody is asked for them.
    return MirrorUnderTest(root, registry.url, overrides, Surroundings(Lenient(), environment={}, clock=clock))


def path_of(kind: Kind, repository: str, image: Image, number: int) -> str:
    path = kind.path.format(digest=image.digest, layer=image.layer_digests[0], number=number)
    return path if path.startswith("/") else f"/v2/{repository}/{path}"


def is_sane(heard: Heard) -> None:
    """Nothing of the upstream's head is in ours, and nothing of its errors."""
    assert heard.status in STATUSES
    for name, value in heard.headers:
        assert name.lower() in HEADERS, name
        assert HEADERS[name.lower()].fullmatch(value), (name, value)
        assert CANARY not in value or name.lower() == "link"
    assert heard.value("server") == "mirror"
    if heard.status >= 400 and heard.body:
        assert CANARY.encode() not in heard.body
        assert set(json.loads(heard.body)["errors"][0]) == {"code", "message", "detail"}


def is_true(heard: Heard, kind: Kind, image: Image, contents: dict[str, bytes]) -> None:
    """A whole answer is what it says it is."""
    if heard.status != 200 or not heard.complete or kind.method == "HEAD":
        return
    if "/blobs/" in kind.path or "blobs/" in kind.path or "{digest}" in kind.path and "manifests" in kind.path:
        digest = str(image.layer_digests[0] if "{layer}" in kind.path else image.digest)
        assert heard.body == contents[digest]
        assert heard.value("docker-content-digest") == digest
    elif "manifests" in kind.path:
        assert heard.value("docker-content-digest") == str(Digest.of(heard.body))
        assert heard.value("content-type") is not None
    elif "tags" in kind.path:
        document = json.loads(heard.body)
        assert set(document) == {"name", "tags"}
        assert all(re.fullmatch(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}", tag) for tag in document["tags"])
    elif "referrers" in kind.path:
        document = json.loads(heard.body)
        assert heard.value("content-type") == document["mediaType"] == OCI_INDEX
        assert all(Digest.parse(entry["digest"]) for entry in document["manifests"])
    else:
        assert set(json.loads(heard.body)) >= {"results"}


async def example(stage: Stage, kind: Kind, mutation: Mutation) -> None:
    stage.number += 1
    registry, number = stage.registry, stage.number
    repository = f"a/r{number}"
    layer = f"{number}:".encode() * (PART)
    image = registry.push_image(repository, "v1", [layer])
    registry.attach(repository, image.digest, {"mediaType": image.media_type, "digest": str(image.digest), "size": 1})
    contents = {str(image.digest): image.manifest_body, str(image.layer_digests[0]): layer}
    path = path_of(kind, repository, image, number)
    registry.heal()
    registry.login, registry.redirects, registry.altered, registry.mutation = None, False, 0, mutation
    kind.set_up(registry)
    registry.met = lambda seen: kind.met in seen.path
    for _ in range(2):
        heard = await stage.ask(kind.method, path)
        is_sane(heard)
        is_true(heard, kind, image, contents)
    assert registry.altered, (kind, heard, registry.requests[-4:])
    registry.met = lambda _: False
    await stage.settle()
    await is_right_again(stage, repository, image, contents)
    assert stage.complaints == []


async def is_right_again(stage: Stage, repository: str, image: Image, contents: dict[str, bytes]) -> None:
    """All that a pull asks for is had, at once."""
    wanted = {"manifests/v1": image.digest, f"manifests/{image.digest}": image.digest}
    wanted[f"blobs/{image.layer_digests[0]}"] = image.layer_digests[0]
    for path, digest in wanted.items():
        heard = await stage.ask("GET", f"/v2/{repository}/{path}")
        is_sane(heard)
        assert (heard.status, heard.complete, heard.body) == (200, True, contents[str(digest)]), path
    tags = await stage.ask("GET", f"/v2/{repository}/tags/list")
    assert json.loads(tags.body) == {"name": repository, "tags": ["v1"]}
    referrers = await stage.ask("GET", f"/v2/{repository}/referrers/{image.digest}")
    assert [entry["digest"] for entry in json.loads(referrers.body)["manifests"]] == [str(image.digest)]


@pytest.mark.parametrize("name", KINDS)
def test_no_answer_does_harm_or_leaves_any(stage: Stage, name: str) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
        print_blob=True,
    )
    @given(mutation=mutations())
    def tried(mutation: Mutation) -> None:
        stage.runner.run(example(stage, KINDS[name], mutation))

    tried()
    stage.runner.run(stage.settle())
    assert stage.cache.wrong == []
    assert published(stage.cache.root)
    assert under_way(stage.cache.root) == []


def test_a_sound_answer_passes_all_of_it(stage: Stage) -> None:
    for kind in KINDS.values():
        stage.runner.run(example(stage, kind, Mutation(ends=None)))


def test_a_lie_is_found_by_what_is_looked_at(stage: Stage) -> None:
    lie = Heard(200, (("Server", "mirror"), ("X-Said", CANARY)), b"", True)
    with pytest.raises(AssertionError):
        is_sane(lie)
    with pytest.raises(AssertionError):
        is_sane(replace(lie, headers=(("Server", "mirror"), ("Retry-After", CANARY))))
    image = stage.registry.push_image("a/lie", "v1", [])
    with pytest.raises(AssertionError):
        is_true(replace(lie, body=b"{}"), KINDS["digest"], image, {str(image.digest): image.manifest_body})
