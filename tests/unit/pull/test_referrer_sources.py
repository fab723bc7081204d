"""Where lists of referrers are had from, and that nothing but the upstream's own word makes one empty."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from mirror.errors import Absent, Code, Denied, MirrorError, Nonsense, Throttled, Unreachable
from mirror.oci.digest import Digest
from mirror.oci.media_types import OCI_INDEX, OCI_MANIFEST
from mirror.oci.referrers import Referrer, referrers_tag
from mirror.outcome import Outcome
from mirror.pull.content import Answer
from mirror.pull.manifests import Question
from mirror.pull.referrer_sources import ReferrerSources, ReferrersQuestion
from mirror.store.catalog import Key
from tests.fakes.registry import Registry
from tests.support.faults import Fault
from tests.support.pulling import Pulling, pulling

TYPE = "application/vnd.example.signature.v1"
DIGEST = str(Digest.of(b"signature"))
ENTRY = {"mediaType": OCI_MANIFEST, "digest": DIGEST, "size": 5, "artifactType": TYPE}
REFERRER = Referrer(OCI_MANIFEST, DIGEST, 5, TYPE)
API, MANIFESTS, TAGS = "/referrers/", "/manifests/", "/tags/list"


@dataclass(frozen=True, slots=True)
class Scene:
    registry: Registry
    pull: Pulling
    subject: Digest

    async def whole(self, digest: Digest | None = None, repository: str = "a/b") -> tuple[tuple[Referrer, ...], Answer]:
        sources = ReferrerSources(self.pull.manifests, self.pull.store.facts)
        return await sources.whole(ReferrersQuestion(self.pull.target(repository), digest or self.subject))

    async def pulled(self) -> None:
        await self.pull.manifests.find(Question(self.pull.target(), self.subject))
        self.registry.requests.clear()

    def tagged(self, body: bytes, media_type: str = OCI_INDEX) -> None:
        self.registry.push_manifest("a/b", referrers_tag(self.subject), body, media_type)

    @property
    def asked(self) -> list[str]:
        return [f"{seen.method} {seen.path.removeprefix('/v2/a/b')}" for seen in self.registry.requests]


@asynccontextmanager
async def scene(root: Path, api: bool = False) -> AsyncIterator[Scene]:
    async with Registry() as registry, pulling(root, one=registry.url) as pull:
        registry.referrers = api
        yield Scene(registry, pull, registry.push_image("a/b", "latest", []).digest)


def index(*entries: object) -> bytes:
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()


@pytest.mark.parametrize("entries", [(), (ENTRY,)])
async def test_with_the_api_one_question_is_enough(tmp_path: Path, entries: tuple[dict[str, object], ...]) -> None:
    async with scene(tmp_path, api=True) as it:
        for entry in entries:
            it.registry.attach("a/b", it.subject, entry)
        found, answer = await it.whole()
        assert (len(found), answer.outcome) == (len(entries), Outcome.MISS)
        assert it.asked == [f"GET /referrers/{it.subject}"]


async def test_without_the_api_the_list_stands_under_a_tag(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.tagged(index(ENTRY))
        found, answer = await it.whole()
        assert (found, answer.outcome) == ((REFERRER,), Outcome.MISS)
        found, answer = await it.whole()
        assert (found, answer.outcome) == ((REFERRER,), Outcome.HIT)
        tag = referrers_tag(it.subject)
        assert it.asked == [f"GET /referrers/{it.subject}", f"GET /manifests/{tag}", f"GET /referrers/{it.subject}"]


@pytest.mark.parametrize("status", [400, 405, 406, 501])
async def test_a_registry_that_does_not_know_the_question_is_one_without_the_api(tmp_path: Path, status: int) -> None:
    async with scene(tmp_path) as it:
        it.registry.fail(Fault(status=status), path=API, times=None)
        with pytest.raises(Absent):
            await it.whole()
        it.tagged(index(ENTRY))
        it.pull.store.facts.forget_absent(Key("absent", "one", "a/b", referrers_tag(it.subject)))
        assert (await it.whole())[0] == (REFERRER,)


async def test_that_there_is_nothing_is_the_upstreams_own_word(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.pulled()
        assert await it.whole() == ((), Answer(Outcome.MISS))
        assert it.asked == [f"GET /referrers/{it.subject}", f"GET /manifests/{referrers_tag(it.subject)}"]


async def test_of_a_repository_that_nobody_has_pulled_it_is_asked_whether_we_may_see_it(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        assert await it.whole() == ((), Answer(Outcome.MISS))
        assert it.asked[2:] == [f"HEAD /manifests/{it.subject}"]
        it.registry.requests.clear()
        assert await it.whole(Digest.of(b"nobody has this")) == ((), Answer(Outcome.MISS))
        assert it.asked[-1] == "GET /tags/list"


async def test_of_a_repository_that_the_upstream_does_not_show_nothing_is_known(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        with pytest.raises(Absent) as caught:
            await it.whole(repository="a/hidden")
        assert caught.value.code is Code.NAME_UNKNOWN


FAULTS: list[tuple[Fault, type[MirrorError]]] = [
    (Fault(status=503), Unreachable),
    (Fault(status=429), Throttled),
    (Fault(status=403), Denied),
    (Fault(drop=True), Unreachable),
    (Fault(body=b"<html>"), Nonsense),
]


@pytest.mark.parametrize("path", [API, MANIFESTS, TAGS])
@pytest.mark.parametrize(("fault", "error"), FAULTS, ids=[str(number) for number in range(len(FAULTS))])
async def test_what_cannot_be_asked_is_not_nothing(
    tmp_path: Path, path: str, fault: Fault, error: type[MirrorError]
) -> None:
    async with scene(tmp_path, api=path == API and fault.body is not None) as it:
        it.registry.fail(fault, path=path, times=None)
        if path == MANIFESTS and fault.body is not None:
            it.tagged(b"x")
        digest = Digest.of(b"nobody has this") if path == TAGS else it.subject
        with pytest.raises(error):
            await it.whole(digest)
        assert it.registry.count(path=path) >= 1


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (json.dumps({"schemaVersion": 2, "config": ENTRY, "layers": []}).encode(), OCI_MANIFEST),
        (index(ENTRY | {"digest": 5}), OCI_INDEX),
        (index("x"), OCI_INDEX),
    ],
)
async def test_a_tag_that_is_no_list_is_not_nothing(tmp_path: Path, body: bytes, media_type: str) -> None:
    async with scene(tmp_path) as it:
        it.tagged(body, media_type)
        with pytest.raises(Nonsense):
            await it.whole()


async def test_a_list_of_many_is_read_like_one_of_few(tmp_path: Path) -> None:
    many = index(*(ENTRY | {"digest": str(Digest.of(str(number).encode()))} for number in range(500)))
    async with scene(tmp_path) as it:
        it.tagged(many)
        assert len((await it.whole())[0]) == 500
