"""Manifests by digest: who is asked for them, how often, and what is remembered of the answer. Tags: test_tags."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from mirror.errors import Absent, Code, Denied, MirrorError, Nonsense, Throttled, Unreachable
from mirror.oci.digest import Digest
from mirror.oci.media_types import OCI_INDEX, OCI_MANIFEST, SCHEMA1_SIGNED
from mirror.outcome import Outcome
from mirror.pull.content import FoundManifest
from mirror.pull.freshness import Policy
from mirror.pull.manifests import Question
from mirror.tasks import end, spawn
from tests.support import schema1
from tests.support.clock import Clock
from tests.support.documents import IMAGE, body
from tests.support.faults import Fault
from tests.support.pulling import Pulling, Setup, pulling
from tests.support.registry import FakeRegistry

BODY = body(IMAGE)
DIGEST = Digest.of(BODY)


async def got(pull: Pulling, digest: Digest = DIGEST, repository: str = "a/b") -> FoundManifest:
    return await pull.manifests.find(Question(pull.target(repository), digest))


async def headed(pull: Pulling, digest: Digest = DIGEST) -> FoundManifest:
    return await pull.manifests.find(Question(pull.target(), digest, body=False))


def methods(registry: FakeRegistry) -> list[str]:
    return [seen.method for seen in registry.requests]


async def test_a_manifest_is_a_miss_and_then_a_hit_for_ever(tmp_path: Path) -> None:
    async with FakeRegistry() as registry:
        registry.push_manifest("a/b", None, BODY, OCI_MANIFEST)
        async with pulling(tmp_path, one=registry.url) as pull:
            found = await got(pull)
            assert (found.manifest.body, found.manifest.media_type) == (BODY, OCI_MANIFEST)
            assert found.answer.outcome is Outcome.MISS
        await registry.stop()
        async with pulling(tmp_path, one=registry.url) as pull:
            for found in (await got(pull), await headed(pull)):
                assert (found.manifest.body, found.answer.outcome) == (BODY, Outcome.HIT)
                assert found.answer.until is None
        assert methods(registry) == ["GET"]


async def test_what_is_in_memory_is_recalled_without_waiting(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        registry.push_manifest("a/b", None, BODY, OCI_MANIFEST)
        question = Question(pull.target(), DIGEST)
        assert pull.manifests.recall(question) is None
        found = await got(pull)
        recalled = pull.manifests.recall(question)
        assert recalled is not None
        assert (recalled.manifest, recalled.answer.outcome) == (found.manifest, Outcome.HIT)
        assert pull.manifests.recall(Question(pull.target("a/c"), DIGEST)) is None


async def test_a_herd_is_one_question_and_goes_on_without_whoever_began_it(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        registry.push_manifest("a/b", None, BODY, OCI_MANIFEST)
        go = asyncio.Event()
        registry.fail(Fault(hold=go), "GET")
        first = spawn(got(pull), "first")
        herd = [spawn(got(pull), f"client {number}") for number in range(100)]
        await registry.arrived("GET")
        await end(first)
        go.set()
        assert {found.manifest.body for found in await asyncio.gather(*herd)} == {BODY}
        assert methods(registry) == ["GET"]


async def test_a_head_downloads_nothing(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        registry.push_manifest("a/b", None, BODY, OCI_MANIFEST)
        found = await headed(pull)
        assert (found.manifest.size, found.manifest.media_type, found.manifest.body) == (len(BODY), OCI_MANIFEST, None)
        assert [(seen.method, seen.sent) for seen in registry.requests] == [("HEAD", 0)]
        assert (await got(pull)).answer.outcome is Outcome.MISS


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=405),
        Fault(headers={"Docker-Content-Digest": str(Digest.of(b"another"))}),
        Fault(headers={"Content-Type": "text/html"}),
        Fault(headers={"Content-Length": None}),
    ],
    ids=["405", "another digest", "a page", "no length"],
)
async def test_where_a_head_says_too_little_a_get_is_asked(tmp_path: Path, fault: Fault) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        registry.push_manifest("a/b", None, BODY, OCI_MANIFEST)
        registry.fail(fault, "HEAD", times=None)
        found = await headed(pull)
        assert (found.manifest.size, found.manifest.media_type) == (len(BODY), OCI_MANIFEST)
        assert methods(registry) == ["HEAD", "GET"]


async def test_what_another_repository_brought_costs_a_head(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        for repository in ("a/b", "a/c"):
            registry.push_manifest(repository, None, BODY, OCI_MANIFEST)
        await got(pull)
        found = await got(pull, repository="a/c")
        assert (found.manifest.body, found.answer.outcome) == (BODY, Outcome.REVALIDATED)
        assert (await got(pull, repository="a/c")).answer.outcome is Outcome.HIT
        assert methods(registry) == ["GET", "HEAD"]


@pytest.mark.parametrize(
    "said",
    [{"Content-Type": OCI_INDEX}, {"Docker-Content-Digest": str(DIGEST)}],
    ids=["another type", "another digest"],
)
async def test_what_another_repository_brought_is_asked_for_where_a_head_says_otherwise(
    tmp_path: Path, said: dict[str, str]
) -> None:
    data = body(IMAGE, mediaType=OCI_MANIFEST)
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        for repository in ("a/b", "a/c"):
            digest = registry.push_manifest(repository, None, data, OCI_MANIFEST)
        await got(pull, digest)
        registry.fail(Fault(headers=said), "HEAD")
        assert (await got(pull, digest, "a/c")).manifest.media_type == OCI_MANIFEST
        assert methods(registry) == ["GET", "HEAD", "GET"]


@pytest.mark.parametrize("ask", [got, headed])
async def test_an_absence_is_remembered_for_a_while_and_for_that_repository(
    tmp_path: Path, ask: Callable[[Pulling], Awaitable[FoundManifest]]
) -> None:
    setup = Setup(Policy(tag_ttl=300, stale_for=3600, not_found_ttl=60))
    async with FakeRegistry() as registry, pulling(tmp_path, setup, one=registry.url) as pull:
        for _ in range(3):
            with pytest.raises(Absent) as absence:
                await ask(pull)
            assert absence.value.code is Code.MANIFEST_UNKNOWN
            assert methods(registry).count("GET") == 1  # also after a HEAD, because some registries do not do those
        registry.push_manifest("a/c", None, BODY, OCI_MANIFEST)
        assert (await got(pull, repository="a/c")).manifest.body == BODY


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(status=401), Denied),
        (Fault(status=403), Denied),
        (Fault(status=429), Throttled),
        (Fault(status=500), Unreachable),
        (Fault(drop=True), Unreachable),
        (Fault(body=BODY[:-1] + b" "), Nonsense),
    ],
    ids=["401", "403", "429", "500", "no answer", "wrong bytes"],
)
async def test_no_other_failure_is_remembered(tmp_path: Path, fault: Fault, error: type[MirrorError]) -> None:
    clock = Clock()
    async with FakeRegistry() as registry, pulling(tmp_path, Setup(clock=clock), one=registry.url) as pull:
        registry.push_manifest("a/b", None, BODY, OCI_MANIFEST)
        registry.fail(fault, "GET", "/manifests/", times=None)
        with pytest.raises(error):
            await got(pull)
        registry.heal()
        clock.advance(60)  # for which a registry that says 429 is left alone
        assert (await got(pull)).manifest.body == BODY


async def test_that_a_digest_is_no_manifest_says_nothing_of_the_blob(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", BODY)
        with pytest.raises(Absent):
            await got(pull, digest)
        assert (await pull.blobs.head(pull.target(), digest)).size == len(BODY)


@pytest.mark.parametrize("by_tag", [True, False])
async def test_schema_1_is_found_by_the_digest_of_what_was_signed(tmp_path: Path, by_tag: bool) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        registry.push_manifest("a/b", "old", schema1.SIGNED, SCHEMA1_SIGNED, schema1.DIGEST)
        reference = "old" if by_tag else schema1.DIGEST
        for outcome in (Outcome.MISS, Outcome.HIT):
            found = await pull.manifests.find(Question(pull.target(), reference))
            assert (found.manifest.digest, found.manifest.body) == (schema1.DIGEST, schema1.SIGNED)
            assert (found.manifest.media_type, found.answer.outcome) == (SCHEMA1_SIGNED, outcome)


async def test_sha512_is_its_own_name(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = Digest.of(BODY, "sha512")
        registry.push_manifest("a/b", "new", BODY, OCI_MANIFEST, digest)
        found = await pull.manifests.find(Question(pull.target(), "new"))
        assert found.manifest.digest == digest
        assert (await got(pull, digest)).answer.outcome is Outcome.HIT
        with pytest.raises(Absent):
            await got(pull)  # under sha256 the upstream does not know it, and it is not ours to say otherwise
