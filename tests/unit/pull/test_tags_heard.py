"""What a HEAD says of a tag: passed on, believed once the digest is held, and no longer than it was true."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirror.errors import Absent, UpstreamError
from mirror.outcome import Outcome
from mirror.pull.manifests import Question
from tests.support.faults import Fault
from tests.support.scenes import MINUTE, Scene, scene


async def pull_as_dockerd_does(it: Scene) -> None:
    """HEAD by tag, then GET by the digest that it named."""
    told = (await it.head()).manifest
    await it.pull.manifests.find(Question(it.pull.target(), told.digest))


async def test_a_head_is_passed_on_and_downloads_nothing(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        found = await it.head()
        assert (found.manifest.digest, found.manifest.media_type) == (it.image.digest, it.image.media_type)
        assert (found.manifest.size, found.manifest.body) == (len(it.image.manifest_body), None)
        assert found.answer.outcome is Outcome.MISS
        assert [(seen.method, seen.sent) for seen in it.registry.requests] == [("HEAD", 0)]


async def test_a_head_alone_is_not_believed(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.head()
        it.registry.fail(Fault(status=503), times=None)
        with pytest.raises(UpstreamError):
            await it.head()
        assert it.pull.store.facts.tag_names("one", "a/b") == []


async def test_a_head_and_then_the_digest_make_the_tag_known(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await pull_as_dockerd_does(it)
        assert it.asked() == ["HEAD", "GET"]
        await it.registry.stop()
        for found in (await it.get(), await it.head()):
            assert (found.manifest.body, found.answer.outcome) == (it.image.manifest_body, Outcome.HIT)
        it.clock.advance(30 * MINUTE)
        assert (await it.get()).answer.outcome is Outcome.STALE


async def test_a_head_of_what_is_held_is_believed_at_once(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.pull.manifests.find(Question(it.pull.target(), it.image.digest))
        assert (await it.head()).answer.outcome is Outcome.REVALIDATED
        assert (await it.get()).answer.outcome is Outcome.HIT
        assert it.asked() == ["GET", "HEAD"]


async def test_the_age_of_a_tag_is_that_of_the_head_not_of_the_digest(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        told = (await it.head()).manifest
        it.clock.advance(4 * MINUTE)
        await it.pull.manifests.find(Question(it.pull.target(), told.digest))
        assert (await it.get()).answer.outcome is Outcome.HIT
        it.clock.advance(MINUTE)
        assert (await it.get()).answer.outcome is Outcome.REVALIDATED


async def test_the_last_word_on_a_tag_counts_whatever_is_fetched_afterwards(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        first = (await it.head()).manifest.digest
        moved = it.move()
        assert (await it.head()).manifest.digest == moved.digest
        await it.pull.manifests.find(Question(it.pull.target(), first))
        assert (await it.get()).manifest.digest == moved.digest
        await it.pull.manifests.find(Question(it.pull.target(), moved.digest))
        assert (await it.get()).manifest.digest == moved.digest


async def test_what_was_heard_before_a_tag_was_fetched_counts_no_more(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        first = (await it.head()).manifest.digest
        moved = it.move()
        assert (await it.get()).manifest.digest == moved.digest
        await it.pull.manifests.find(Question(it.pull.target(), first))
        assert (await it.get()).manifest.digest == moved.digest


async def test_a_tag_that_is_gone_is_not_brought_back_by_its_digest(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        told = (await it.head()).manifest
        it.registry.delete_tag("a/b", "latest")
        with pytest.raises(Absent):
            await it.head()
        await it.pull.manifests.find(Question(it.pull.target(), told.digest))
        with pytest.raises(Absent):
            await it.get()


async def test_a_tag_of_another_repository_is_not_made_known(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.registry.push_image("a/c", "latest", [b"old"])
        await it.head()
        await it.pull.manifests.find(Question(it.pull.target("a/c"), it.image.digest))
        await it.pull.store.flush()
        assert it.pull.store.facts.tag_names("one", "a/b") == []
        it.registry.fail(Fault(status=503), times=None)
        with pytest.raises(UpstreamError):
            await it.get()


# registries that do not answer HEAD as they should


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=405),
        Fault(status=400),
        Fault(headers={"Docker-Content-Digest": None}),
        Fault(headers={"Docker-Content-Digest": "sha256:short"}),
        Fault(headers={"Content-Type": "text/html"}),
        Fault(headers={"Content-Type": None}),
        Fault(headers={"Content-Length": None}),
    ],
    ids=["405", "400", "no digest", "no sound digest", "a page", "no type", "no length"],
)
async def test_where_a_head_says_too_little_a_get_is_asked(tmp_path: Path, fault: Fault) -> None:
    async with scene(tmp_path) as it:
        it.registry.fail(fault, "HEAD", times=None)
        found = await it.head()
        assert (found.manifest.digest, found.manifest.media_type) == (it.image.digest, it.image.media_type)
        assert found.manifest.size == len(it.image.manifest_body)
        assert it.asked() == ["HEAD", "GET"]
        assert (await it.get()).manifest.body == it.image.manifest_body
        it.clock.advance(5 * MINUTE)
        moved = it.move()
        assert (await it.get()).manifest.digest == moved.digest


async def test_where_head_and_get_disagree_the_body_decides(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.get()
        it.clock.advance(5 * MINUTE)
        passing = it.registry.push_image("a/c", None, [b"never to be seen"])
        it.registry.fail(Fault(headers={"Docker-Content-Digest": str(passing.digest)}), "HEAD")
        moved = it.move()
        assert (await it.get()).manifest.digest == moved.digest
        it.registry.fail(Fault(status=503), times=None)
        assert (await it.get()).manifest.digest == moved.digest
