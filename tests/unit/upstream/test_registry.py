from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from mirror.config.settings import Upstream
from mirror.errors import Absent, Code, Denied, Nonsense, Throttled, Unreachable, UpstreamError
from mirror.oci.digest import Digest
from mirror.oci.media_types import ACCEPT
from mirror.upstream.registry import Registry
from tests.support.content import OCI_MANIFEST
from tests.support.faults import Fault, Never
from tests.support.raw import RawUpstream, answer
from tests.support.registry import FakeRegistry
from tests.support.upstreams import LIMITS, Setting, opened

DIGEST = Digest.of(b"blob")


async def _read(registry: Registry, repository: str, digest: Digest, offset: int = 0) -> bytes:
    pieces = []
    async with registry.blob(repository, digest, offset) as body:
        while piece := await body.read():
            pieces.append(piece)
    return b"".join(pieces)


async def _blob(registry: Registry) -> object:
    return await _read(registry, "a/b", DIGEST)


QUESTIONS: dict[str, Callable[[Registry], Awaitable[object]]] = {
    "head_manifest": lambda registry: registry.head_manifest("a/b", "v1"),
    "manifest": lambda registry: registry.manifest("a/b", "v1"),
    "head_blob": lambda registry: registry.head_blob("a/b", DIGEST),
    "blob": _blob,
    "tags": lambda registry: registry.tags("a/b"),
}
every_question = pytest.mark.parametrize("operation", QUESTIONS)


async def test_an_image_is_had_with_what_is_said_of_it() -> None:
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,))) as registry:
        image = server.push_image("a/b", "v1", [b"blob"])
        head = await registry.head_manifest("a/b", "v1")
        assert (head.digest, head.media_type, head.size) == (image.digest, OCI_MANIFEST, len(image.manifest_body))
        body = await registry.manifest("a/b", str(image.digest))
        assert (body.digest, body.content_type, body.body) == (image.digest, OCI_MANIFEST, image.manifest_body)
        assert await registry.head_blob("a/b", DIGEST) == 4
        assert await _read(registry, "a/b", DIGEST) == b"blob"
        assert await _read(registry, "a/b", DIGEST, 2) == b"ob"
        assert registry.name == "fake"


async def test_manifests_are_asked_for_with_our_own_accept_or_the_given_one() -> None:
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,))) as registry:
        server.push_image("a/b", "v1", [])
        await registry.manifest("a/b", "v1")
        await registry.head_manifest("a/b", "v1", "application/x")
        assert [seen.headers["accept"] for seen in server.requests] == [ACCEPT, "application/x"]


async def test_tags_come_in_pages() -> None:
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,))) as registry:
        for tag in ("a", "b", "c", "d", "e"):
            server.push_image("a/b", tag, [])
        first = await registry.tags("a/b", 2)
        assert (first.names, first.more) == (("a", "b"), True)
        second = await registry.tags("a/b", 2, "b")
        assert (second.names, second.more) == (("c", "d"), True)
        last = await registry.tags("a/b", None, "d")
        assert (last.names, last.more) == (("e",), False)


async def test_what_is_not_there_is_named() -> None:
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,))) as registry:
        codes = {}
        for operation, ask in QUESTIONS.items():
            with pytest.raises(Absent) as caught:
                await ask(registry)
            codes[operation] = caught.value.code
    assert codes == {
        "head_manifest": Code.MANIFEST_UNKNOWN,
        "manifest": Code.MANIFEST_UNKNOWN,
        "head_blob": Code.BLOB_UNKNOWN,
        "blob": Code.BLOB_UNKNOWN,
        "tags": Code.NAME_UNKNOWN,
    }


@every_question
@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        (Fault(status=401), Denied, Code.DENIED),
        (Fault(status=403), Denied, Code.DENIED),
        (Fault(status=429, headers={"Retry-After": "9"}), Throttled, Code.TOOMANYREQUESTS),
        (Fault(status=500), Unreachable, Code.UNAVAILABLE),
        (Fault(status=400), Nonsense, Code.BAD_UPSTREAM),
        (Fault(drop=True), Unreachable, Code.UNAVAILABLE),
        (Fault(hold=Never()), Unreachable, Code.TIMEOUT),
        (Fault(status=302), Nonsense, Code.BAD_UPSTREAM),
    ],
)
async def test_every_question_fails_in_the_same_words(
    operation: str, fault: Fault, kind: type[UpstreamError], code: Code
) -> None:
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,))) as registry:
        server.push_image("a/b", "v1", [b"blob"])
        server.fail(fault, times=None)
        with pytest.raises(kind, match=r"^fake: ") as caught:
            await QUESTIONS[operation](registry)
        assert type(caught.value) is kind
        assert caught.value.code is code
        if kind is Throttled:
            assert caught.value.retry_after == 9


@pytest.mark.parametrize(
    ("fault", "rests"), [(Fault(status=404), False), (Fault(status=429), True), (Fault(drop=True), True)]
)
async def test_an_endpoint_in_trouble_is_asked_nothing_that_nobody_waits_for(fault: Fault, rests: bool) -> None:
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,))) as registry:
        assert not registry.is_resting
        server.fail(fault, times=None)
        for _ in range(2):
            with pytest.raises(UpstreamError):
                await registry.tags("a/b")
        assert registry.is_resting == rests
        assert registry.is_out_of_reach == rests


async def test_a_manifest_beyond_the_limit_is_nonsense_whatever_length_it_says() -> None:
    limits = LIMITS.model_copy(update={"manifest_size": 1024})
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,)), Setting(limits)) as registry:
        server.push_manifest("a/b", "small", b"{" * 1024, OCI_MANIFEST)
        server.push_manifest("a/b", "large", b"{" * 1025, OCI_MANIFEST)
        assert len((await registry.manifest("a/b", "small")).body) == 1024
        for fault in (Fault(), Fault(chunked=True), Fault(length=10**12)):
            server.fail(fault)
            with pytest.raises(Nonsense, match="more than 1024 bytes"):
                await registry.manifest("a/b", "large")


async def test_a_question_may_be_cancelled() -> None:
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,))) as registry:
        server.push_image("a/b", "v1", [b"blob"])
        server.fail(Fault(hold=Never()), path="/manifests/")
        asking = asyncio.ensure_future(registry.manifest("a/b", "v1"))
        await server.arrived(path="/manifests/")
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert (await registry.manifest("a/b", "v1")).body


async def test_every_exchange_is_told_with_what_it_was_for() -> None:
    setting = Setting()
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,)), setting) as registry:
        server.push_image("a/b", "v1", [b"blob"])
        server.require_bearer()
        server.redirects = True
        for ask in QUESTIONS.values():
            await ask(registry)
    told = [(one.operation, one.method, one.status, one.bytes) for one in setting.exchanges]
    manifest = server.requests[3].sent
    assert told == [
        ("head_manifest", "HEAD", 401, 0),
        ("token", "GET", 200, server.requests[1].sent),
        ("head_manifest", "HEAD", 200, 0),
        ("manifest", "GET", 200, manifest),
        ("head_blob", "HEAD", 307, 0),
        ("head_blob", "HEAD", 200, 0),
        ("blob", "GET", 307, 0),
        ("blob", "GET", 200, 4),
        ("tags", "GET", 200, server.requests[8].sent),
    ]


async def test_closing_twice_is_as_good_as_once() -> None:
    script = [answer("200 OK", ["Content-Length: 2"], b"{}")]
    async with RawUpstream(script) as server, opened(Upstream(endpoints=(server.url,))) as registry:
        await registry.manifest("a/b", "v1")
        await registry.aclose()
        await registry.aclose()
