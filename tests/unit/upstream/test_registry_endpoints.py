"""Several endpoints, and how long they may take together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from mirror.config.settings import Limits, Upstream
from mirror.errors import Absent, Code, Denied, Interrupted, Throttled, Unreachable
from mirror.oci.digest import Digest
from mirror.upstream.registry import Registry
from mirror.upstream.surroundings import Surroundings
from mirror.upstream.transport import Transport
from tests.support.clock import Clock
from tests.support.faults import Fault, Never
from tests.support.logins import basic
from tests.support.names import Names
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


@every_question
@pytest.mark.parametrize(
    "fault", [Fault(status=503), Fault(status=429), Fault(drop=True), Fault(hold=Never()), Fault(status=418)]
)
async def test_when_one_endpoint_fails_the_next_is_asked(operation: str, fault: Fault) -> None:
    async with FakeRegistry() as one, FakeRegistry() as two:
        two.push_image("a/b", "v1", [b"blob"])
        one.fail(fault, times=None)
        async with opened(Upstream(endpoints=(one.url, two.url))) as registry:
            await QUESTIONS[operation](registry)
            asked = one.count()
            await QUESTIONS[operation](registry)
        assert one.count() == asked  # behind the other for now
        assert two.count() == 2


async def test_an_endpoint_that_failed_is_asked_first_again_after_ten_seconds() -> None:
    clock = Clock()
    async with FakeRegistry() as one, FakeRegistry() as two:
        one.push_image("a/b", "v1", [])
        two.push_image("a/b", "v1", [])
        one.fail(Fault(status=503))
        async with opened(Upstream(endpoints=(one.url, two.url)), Setting(clock=clock)) as registry:
            await registry.manifest("a/b", "v1")
            clock.advance(9)
            await registry.manifest("a/b", "v1")
            clock.advance(2)
            await registry.manifest("a/b", "v1")
        assert (one.count(), two.count()) == (2, 2)


async def test_an_endpoint_that_works_again_is_asked_first_again_at_once() -> None:
    async with FakeRegistry() as one, FakeRegistry() as two:
        one.push_image("a/b", "v1", [])
        two.push_image("a/b", "v1", [])
        async with opened(Upstream(endpoints=(one.url, two.url))) as registry:
            one.fail(Fault(status=503))
            await registry.manifest("a/b", "v1")
            two.fail(Fault(status=503))
            await registry.manifest("a/b", "v1")
            await registry.manifest("a/b", "v1")
        assert (one.count(), two.count()) == (3, 2)


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_refusal_or_an_absence_is_an_answer(status: int) -> None:
    async with FakeRegistry() as one, FakeRegistry() as two:
        two.push_image("a/b", "v1", [])
        one.fail(Fault(status=status), times=None)
        async with opened(Upstream(endpoints=(one.url, two.url))) as registry:
            for _ in range(2):
                with pytest.raises((Absent, Denied)):
                    await registry.manifest("a/b", "v1")
        assert (one.count(), two.count()) == (2, 0)


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_substitutes_refusal_is_no_answer_while_the_preferred_endpoint_gives_none(status: int) -> None:
    async with FakeRegistry() as one, FakeRegistry() as two:
        image = one.push_image("a/b", "v1", [])
        one.fail(Fault(status=429), times=None)
        two.fail(Fault(status=status), times=None)
        clock = Clock()
        async with opened(Upstream(endpoints=(one.url, two.url)), Setting(clock=clock)) as registry:
            for operation in QUESTIONS:
                with pytest.raises(Throttled):
                    await QUESTIONS[operation](registry)
            one.heal()
            clock.advance(60)
            assert (await registry.manifest("a/b", "v1")).digest == image.digest
        assert two.count() >= len(QUESTIONS)


async def test_when_all_endpoints_fail_the_first_ones_failure_is_told() -> None:
    async with FakeRegistry() as one, FakeRegistry() as two:
        one.fail(Fault(status=429, headers={"Retry-After": "9"}))
        two.fail(Fault(status=503))
        async with opened(Upstream(endpoints=(one.url, two.url))) as registry:
            with pytest.raises(Throttled) as caught:
                await registry.manifest("a/b", "v1")
        assert caught.value.retry_after == 9
        assert two.count() == 1


async def test_a_login_is_not_shown_to_somebody_elses_endpoint() -> None:
    names = Names({"mirror.test": ["127.0.0.1"], "registry-1.docker.io": ["127.0.0.1"]})
    async with FakeRegistry() as mirror, FakeRegistry() as hub:
        image = hub.push_image("a/b", "v1", [])
        for server in (mirror, hub):
            server.require_basic("alice", "canary")
        upstream = Upstream(
            endpoints=(mirror.named("mirror.test"), hub.named("registry-1.docker.io")),
            username="alice",
            password=SecretStr("canary"),
            insecure=True,
        )
        async with Transport("docker.io", upstream, LIMITS, surroundings=Surroundings(names)) as session:
            registry = Registry("docker.io", upstream, LIMITS, session, Clock())
            with pytest.raises(Denied, match="there is none for it"):
                await registry.manifest("a/b", "v1")
            await mirror.stop()
            assert (await registry.manifest("a/b", "v1")).digest == image.digest
            await registry.aclose()
    assert [seen.headers.get("authorization") for seen in mirror.requests] == [None]
    assert [seen.headers.get("authorization") for seen in hub.requests] == [None, basic("alice", "canary")]


async def test_a_password_that_cannot_be_had_is_no_refusal() -> None:
    async with FakeRegistry() as server:
        server.require_basic("alice", "canary")
        upstream = Upstream(endpoints=(server.url,), username="alice", password_file=Path("/none"), insecure=True)
        async with opened(upstream) as registry:
            with pytest.raises(Unreachable, match="password_file cannot be read"):
                await registry.manifest("a/b", "v1")


async def test_a_manifest_that_breaks_off_is_had_from_the_next_endpoint() -> None:
    async with FakeRegistry() as one, FakeRegistry() as two:
        image = one.push_image("a/b", "v1", [])
        two.push_image("a/b", "v1", [])
        one.fail(Fault(cut_at=10), times=2)
        async with opened(Upstream(endpoints=(one.url, two.url))) as registry:
            assert (await registry.manifest("a/b", "v1")).body == image.manifest_body
        assert (one.count(), two.count()) == (2, 1)


@every_question
@pytest.mark.parametrize("fault", [Fault(cut_at=5), Fault(cut_at=0), Fault(chunked=True, cut_at=5), Fault(reset_at=5)])
async def test_a_token_or_a_document_that_breaks_off_once_is_asked_for_again(operation: str, fault: Fault) -> None:
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,))) as registry:
        server.push_image("a/b", "v1", [b"blob"])
        server.require_bearer()
        server.fail(fault, path="/token")
        await QUESTIONS[operation](registry)
        assert server.count(path="/token") == 2
        if operation in ("manifest", "tags"):
            before = server.count()
            server.fail(fault)
            await QUESTIONS[operation](registry)
            assert server.count() == before + 2


async def test_a_page_of_tags_that_breaks_off_is_asked_for_again_where_the_others_came_from() -> None:
    async with FakeRegistry() as one, FakeRegistry() as two:
        for tag in ("a", "b", "c"):
            one.push_image("a/b", tag, [])
        async with opened(Upstream(endpoints=(one.url, two.url))) as registry:
            assert (await registry.tags("a/b", 2)).names == ("a", "b")
            one.fail(Fault(cut_at=5))
            assert (await registry.tags("a/b", 2, "b")).names == ("c",)
        assert (one.count(), two.count()) == (3, 0)


@pytest.mark.parametrize(("left", "asked"), [(0, 1), (1, 2)])
async def test_a_manifest_that_breaks_off_is_asked_for_again_only_where_a_pull_is_left(left: int, asked: int) -> None:
    told = {"RateLimit-Limit": "100;w=21600", "RateLimit-Remaining": f"{left};w=21600"}
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,))) as registry:
        server.push_image("a/b", "v1", [])
        server.fail(Fault(cut_at=10, headers=told), times=2)
        with pytest.raises(Interrupted):
            await registry.manifest("a/b", "v1")
        assert server.count() == asked


@pytest.mark.parametrize("operation", ["manifest", "head_manifest", "tags"])
@pytest.mark.parametrize("page", [b"", b"<html>", b"[]", b"404"])
async def test_an_endpoint_that_answers_everything_with_a_page_is_followed_by_the_next(
    operation: str, page: bytes
) -> None:
    async with FakeRegistry() as one, FakeRegistry() as two:
        for server in (one, two):
            server.push_image("a/b", "v1", [])
        one.fail(Fault(status=405), "HEAD", times=None)
        one.fail(Fault(body=page), times=None)
        async with opened(Upstream(endpoints=(one.url, two.url))) as registry:
            await QUESTIONS[operation](registry)
            asked = one.count()
            await QUESTIONS[operation](registry)
        assert (one.count(), two.count()) == (asked, 2)


# --- time


async def test_everything_before_the_first_byte_has_one_limit() -> None:
    limits = Limits(connect_timeout=5, first_byte_timeout=5, read_timeout=5, answer_timeout=0.7)
    async with FakeRegistry() as one, FakeRegistry() as two:
        one.fail(Fault(hold=Never()))
        image = two.push_image("a/b", "v1", [])
        async with opened(Upstream(endpoints=(one.url, two.url)), Setting(limits)) as registry:
            with pytest.raises(Unreachable, match=r"within 0\.7 s") as caught:
                await registry.manifest("a/b", "v1")
            assert caught.value.code is Code.TIMEOUT
            # Of the second, because the first one is known to be slow.
            assert (await registry.manifest("a/b", "v1")).digest == image.digest
        assert (one.count(), two.count()) == (1, 1)


async def test_a_manifest_that_dribbles_falls_under_the_limit_too() -> None:
    limits = Limits(connect_timeout=5, first_byte_timeout=5, read_timeout=5, answer_timeout=0.7)
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,)), Setting(limits)) as registry:
        server.push_image("a/b", "v1", [])
        server.fail(Fault(stall_at=10, until=Never()))
        with pytest.raises(Unreachable) as caught:
            await registry.manifest("a/b", "v1")
    assert caught.value.code is Code.TIMEOUT


async def test_a_blob_may_take_longer_than_the_limit() -> None:
    limits = LIMITS.model_copy(update={"answer_timeout": 0.7, "read_timeout": 5.0})
    more = asyncio.Event()
    async with FakeRegistry() as server, opened(Upstream(endpoints=(server.url,)), Setting(limits)) as registry:
        server.push_blob("a/b", b"blob")
        server.fail(Fault(stall_at=2, until=more))
        async with registry.blob("a/b", DIGEST) as body:
            assert await body.read() == b"bl"
            asyncio.get_running_loop().call_later(1.0, more.set)
            assert await body.read() == b"ob"
            assert await body.read() == b""
