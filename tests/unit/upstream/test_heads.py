"""What a HEAD says, and what a GET says in its place where the method gets no answer that means anything."""

from __future__ import annotations

import pytest

from mirror.config.settings import Upstream
from mirror.errors import Absent, Denied, Nonsense, Throttled, Unreachable, UpstreamError
from mirror.oci.digest import Digest
from mirror.upstream.answers import ManifestHead
from tests.support.clock import Clock
from tests.support.content import OCI_MANIFEST
from tests.support.faults import Fault
from tests.support.raw import Close, RawUpstream, Script, answer, redirect
from tests.support.registry import FakeRegistry
from tests.support.upstreams import LIMITS, Setting, opened

BLOB = b"blob"
DIGEST = Digest.of(BLOB)
NO_ANSWER = [400, 401, 403, 404, 405, 501]


def _asked(server: FakeRegistry) -> list[str]:
    return [seen.method for seen in server.requests]


@pytest.mark.parametrize("status", NO_ANSWER)
@pytest.mark.parametrize("told", [True, False])
async def test_a_manifest_that_a_head_is_refused_is_told_by_its_body(status: int, told: bool) -> None:
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,))) as registry:
        image = server.push_image("a/b", "v1", [BLOB])
        server.fail(Fault(status=status), "HEAD", times=None)
        if not told:
            server.fail(Fault(headers={"Docker-Content-Digest": None}), "GET", "/manifests/")
        head = await registry.head_manifest("a/b", "v1")
        assert head == ManifestHead(image.digest, OCI_MANIFEST, len(image.manifest_body))
        assert _asked(server) == ["HEAD", "GET"]


@pytest.mark.parametrize("status", [400, 401, 403, 405, 501])
async def test_a_blob_that_a_head_is_refused_is_told_by_the_head_of_a_get(status: int) -> None:
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,))) as registry:
        digest = server.push_blob("a/b", b"x" * 2**20)
        server.fail(Fault(status=status), "HEAD", times=None)
        assert await registry.head_blob("a/b", digest) == 2**20
        assert _asked(server) == ["HEAD", "GET"]


async def test_who_names_another_size_of_a_blob_does_not_have_it() -> None:
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,))) as registry:
        digest = server.push_blob("a/b", b"blob")
        assert await registry.head_blob("a/b", digest, 4) == 4
        with pytest.raises(Nonsense, match="another size"):
            await registry.head_blob("a/b", digest, 5)


PAGES = ["text/html", "Text/HTML; charset=utf-8", "application/xhtml+xml"]


@pytest.mark.parametrize("length", ["Content-Length: 4", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("page", PAGES)
async def test_a_page_for_people_is_no_word_that_a_blob_is_there(page: str, length: str) -> None:
    portal: Script = [answer("200 OK", [f"Content-Type: {page}", length]), Close()]
    async with RawUpstream(portal) as server, opened(Upstream(endpoints=(server.url,))) as registry:
        for held in (None, 5):
            with pytest.raises(Nonsense, match="a page where a blob was asked for"):
                await registry.head_blob("a/b", DIGEST, held)
        assert [seen.method for seen in server.requests] == ["HEAD", "GET"] * 2


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_in_answer_to_a_head_leaves_the_word_to_a_get_and_then_to_the_next_endpoint(page: str) -> None:
    portal: Script = [answer("200 OK", [f"Content-Type: {page}", "Content-Length: 900"]), Close()]
    blob = [answer("200 OK", ["Content-Length: 4"], BLOB)]
    async with RawUpstream(portal, blob) as server, opened(Upstream(endpoints=(server.url,))) as registry:
        assert await registry.head_blob("a/b", DIGEST) == 4
    async with (
        RawUpstream(portal) as one,
        RawUpstream(blob) as two,
        opened(Upstream(endpoints=(one.url, two.url))) as registry,
    ):
        assert await registry.head_blob("a/b", DIGEST) == 4


async def test_a_blob_may_be_a_page_itself_where_its_digest_or_its_size_is_named() -> None:
    page = ["Content-Type: text/html", "Content-Length: 4"]
    named = [answer("200 OK", [*page, f"Docker-Content-Digest: {DIGEST}"])]
    async with RawUpstream(named, [answer("200 OK", page)]) as server:
        async with opened(Upstream(endpoints=(server.url,))) as registry:
            assert await registry.head_blob("a/b", DIGEST) == 4
            assert await registry.head_blob("a/b", DIGEST, 4) == 4
        assert [seen.method for seen in server.requests] == ["HEAD"] * 2


@pytest.mark.parametrize(
    "odd", ["application/octet-stream", "binary/octet-stream", "application/json", "text/plain", "x", None]
)
async def test_a_blob_may_be_called_by_any_other_type(odd: str | None) -> None:
    head = answer("200 OK", ["Content-Length: 4", *([] if odd is None else [f"Content-Type: {odd}"])])
    async with RawUpstream([head]) as server, opened(Upstream(endpoints=(server.url,))) as registry:
        assert await registry.head_blob("a/b", DIGEST) == 4
        assert len(server.requests) == 1


async def test_a_blob_that_a_head_calls_absent_is_absent() -> None:
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,))) as registry:
        with pytest.raises(Absent):
            await registry.head_blob("a/b", DIGEST)
        assert _asked(server) == ["HEAD"]


async def test_a_tag_that_is_not_there_is_absent_by_the_word_of_a_get() -> None:
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,))) as registry:
        with pytest.raises(Absent):
            await registry.head_manifest("a/b", "v1")
        assert _asked(server) == ["HEAD", "GET"]


async def test_an_address_that_is_signed_for_get_alone_still_tells_the_size() -> None:
    refusal = [answer("403 Forbidden", ["Content-Length: 0"])]
    whole = [answer("200 OK", ["Content-Length: 4"], BLOB)]
    async with RawUpstream(refusal, whole, host="127.0.0.2") as storage:
        async with (
            RawUpstream(redirect(f"{storage.url}/signed")) as server,
            opened(Upstream(endpoints=(server.url,), allow_private_addresses=True)) as registry,
        ):
            assert await registry.head_blob("a/b", DIGEST) == 4
        assert [seen.method for seen in storage.requests] == ["HEAD", "GET"]


async def test_an_endpoint_that_does_not_do_head_is_not_put_behind_the_others() -> None:
    async with FakeRegistry() as one, FakeRegistry() as two:
        one.push_image("a/b", "v1", [BLOB])
        one.fail(Fault(status=405), "HEAD", times=None)
        async with opened(Upstream(endpoints=(one.url, two.url))) as registry:
            await registry.head_manifest("a/b", "v1")
            await registry.head_blob("a/b", DIGEST)
            await registry.manifest("a/b", "v1")
        assert two.requests == []


async def test_a_login_that_a_head_does_not_ask_for_is_asked_for_by_the_get() -> None:
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,))) as registry:
        image = server.push_image("a/b", "v1", [])
        server.require_bearer()
        server.fail(Fault(status=401), "HEAD")
        assert (await registry.head_manifest("a/b", "v1")).digest == image.digest
        assert (await registry.head_manifest("a/b", "v1")).digest == image.digest
        assert _asked(server) == ["HEAD", "GET", "GET", "GET", "HEAD"]  # the second GET is for the token


@pytest.mark.parametrize(
    ("status", "kind"), [(401, Denied), (403, Denied), (405, Nonsense), (404, Absent), (503, Unreachable)]
)
async def test_what_a_get_says_in_place_of_a_head_stands(status: int, kind: type[UpstreamError]) -> None:
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,))) as registry:
        server.fail(Fault(status=405), "HEAD", times=None)
        server.fail(Fault(status=status), "GET", times=None)
        with pytest.raises(kind):
            await registry.head_manifest("a/b", "v1")


@pytest.mark.parametrize(("status", "kind"), [(429, Throttled), (500, Unreachable), (503, Unreachable)])
async def test_trouble_is_not_the_methods_fault(status: int, kind: type[UpstreamError]) -> None:
    clock = Clock()
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,)), Setting(clock=clock)) as registry:
        server.fail(Fault(status=status), times=None)
        with pytest.raises(kind):
            await registry.head_manifest("a/b", "v1")
        clock.advance(60)
        with pytest.raises(kind):
            await registry.head_blob("a/b", DIGEST)
        assert _asked(server) == ["HEAD", "HEAD"]


async def test_no_more_is_read_than_a_manifest_may_be_long() -> None:
    limits = LIMITS.model_copy(update={"manifest_size": 1024})
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,)), Setting(limits)) as registry:
        server.push_manifest("a/b", "large", b"x" * 1025, OCI_MANIFEST)
        server.fail(Fault(status=405), "HEAD")
        with pytest.raises(Nonsense, match="more than 1024 bytes"):
            await registry.head_manifest("a/b", "large")


# what is known already


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize(
    "fault", [Fault(status=405), Fault(headers={"Docker-Content-Digest": None})], ids=["405", "no digest"]
)
async def test_a_manifest_that_is_still_known_is_not_sent(fault: Fault, told: bool) -> None:
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,))) as registry:
        image = server.push_image("a/b", "v1", [BLOB])
        server.fail(fault, "HEAD", times=None)
        if not told:
            server.fail(Fault(headers={"Docker-Content-Digest": None}), "GET", "/manifests/")
        head = await registry.head_manifest("a/b", "v1", known=image.digest)
        assert (head.digest, head.by_get, head.sent) == (image.digest, True, None)
        assert [(seen.method, seen.sent) for seen in server.requests] == [("HEAD", 0), ("GET", 0)]


async def test_a_manifest_that_is_known_no_more_comes_with_what_is_said_of_it() -> None:
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,))) as registry:
        image = server.push_image("a/b", "v1", [BLOB])
        server.fail(Fault(status=405), "HEAD", times=None)
        head = await registry.head_manifest("a/b", "v1", known=DIGEST)
        assert (head.digest, head.by_get) == (image.digest, True)
        assert head.sent is not None
        assert head.sent.body == image.manifest_body
        assert "body" not in repr(head)


async def test_where_a_head_tells_enough_nothing_else_is_asked() -> None:
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,))) as registry:
        image = server.push_image("a/b", "v1", [BLOB])
        for known in (None, DIGEST, image.digest):
            head = await registry.head_manifest("a/b", "v1", known=known)
            assert (head.digest, head.by_get, head.sent) == (image.digest, False, None)
        assert _asked(server) == ["HEAD"] * 3
        assert not any("if-none-match" in seen.headers for seen in server.requests)


async def test_a_304_that_names_another_digest_is_taken_at_its_word() -> None:
    other = Digest.of(b"other")
    refusal = [answer("405 Method Not Allowed", ["Content-Length: 0"])]
    unchanged = [answer("304 Not Modified", [f"Docker-Content-Digest: {other}"])]
    async with RawUpstream(refusal, unchanged) as server, opened(Upstream(endpoints=(server.url,))) as registry:
        assert (await registry.head_manifest("a/b", "v1", known=DIGEST)).digest == other


async def test_a_304_that_nobody_asked_for_is_nonsense() -> None:
    unchanged = [answer("304 Not Modified", [])]
    async with RawUpstream(unchanged, unchanged) as server, opened(Upstream(endpoints=(server.url,))) as registry:
        with pytest.raises(Nonsense):
            await registry.head_manifest("a/b", "v1", known=None)


# a look that costs nothing


async def test_a_peek_tells_what_a_head_tells() -> None:
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,))) as registry:
        image = server.push_image("a/b", "v1", [BLOB])
        head = await registry.peek_manifest("a/b", "v1")
        assert head == ManifestHead(image.digest, OCI_MANIFEST, len(image.manifest_body))
        assert _asked(server) == ["HEAD"]


@pytest.mark.parametrize(("status", "kind"), [(404, Absent), (403, Denied), (405, Nonsense), (503, Unreachable)])
async def test_a_peek_never_becomes_a_get(status: int, kind: type[UpstreamError]) -> None:
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,))) as registry:
        server.fail(Fault(status=status), "HEAD", times=None)
        with pytest.raises(kind):
            await registry.peek_manifest("a/b", "v1")
        assert set(_asked(server)) == {"HEAD"}
