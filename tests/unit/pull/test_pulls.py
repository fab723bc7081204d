"""The pull as a whole: its parts share what they know, and it ends without leaving anything running."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from mirror.oci.digest import Digest
from mirror.outcome import Outcome
from mirror.pull.manifests import Question
from mirror.pull.referrer_sources import ReferrersQuestion
from mirror.tasks import spawn
from tests.support.faults import Fault
from tests.support.pulling import body, pulling
from tests.support.registry import FakeRegistry

LAYER = bytes(range(256)) * 1000


async def test_an_image_is_pulled_and_then_pulled_again_without_anybody(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        image = registry.push_image("a/b", "latest", [LAYER])
        for outcome in (Outcome.MISS, Outcome.HIT):
            found = await pull.manifests.find(Question(pull.target(), "latest"))
            assert (found.manifest.body, found.answer.outcome) == (image.manifest_body, outcome)
            for digest in (image.config_digest, *image.layer_digests):
                blob = await pull.blobs.find(pull.target(), digest)
                assert digest.verifies(await body(blob))
                assert blob.answer.outcome is outcome
            await pull.ended(2)
            await registry.stop()


async def test_a_manifest_that_is_asked_for_as_a_blob_is_in_memory_for_both(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        image = registry.push_image("a/b", "latest", [])
        await pull.manifests.find(Question(pull.target(), "latest"))
        found = pull.blobs.recall(pull.target(), image.digest)
        assert found is not None
        assert found.content == image.manifest_body


@pytest.mark.parametrize("waiting_for", ["manifest", "tag", "tags", "referrers", "blob", "head"])
async def test_closing_ends_what_is_under_way(tmp_path: Path, waiting_for: str) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        never = asyncio.Event()
        registry.fail(Fault(hold=never), times=None)
        target, digest = pull.target(), Digest.of(LAYER)
        before = asyncio.all_tasks()
        calls: dict[str, Callable[[], Coroutine[None, None, object]]] = {
            "manifest": lambda: pull.manifests.find(Question(target, digest)),
            "tag": lambda: pull.manifests.find(Question(target, "latest")),
            "tags": lambda: pull.pulls.tag_lists.find(target, None, None),
            "referrers": lambda: pull.pulls.referrers.find(ReferrersQuestion(target, digest)),
            "blob": lambda: pull.blobs.find(target, digest),
            "head": lambda: pull.blobs.head(target, digest),
        }
        waiting = spawn(calls[waiting_for](), "waiting")
        await registry.arrived()
        await pull.pulls.aclose()
        (ended,) = await asyncio.gather(waiting, return_exceptions=True)
        assert isinstance(ended, BaseException)
        mine = {task for task in asyncio.all_tasks() - before if not task.get_name().startswith("fake-")}
        assert mine == set()
        await pull.pulls.aclose()


async def test_what_is_evicted_is_given_from_no_memory_and_stored_again(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        image = registry.push_image("a/b", "latest", [])
        question = Question(pull.target(), image.digest)
        found = await pull.manifests.find(question)
        pull.pulls.given(pull.target(), found.manifest)
        assert [one.digest for one in await pull.store.images.list()] == [str(image.digest)]
        assert await pull.store.images.closure(str(image.digest)) == [
            (str(image.digest), len(image.manifest_body)),
            (str(image.config_digest), None),
        ]
        await pull.store.blobs.delete(image.digest)
        assert pull.manifests.recall(question) is None
        assert await pull.store.images.list() == []
        found = await pull.manifests.find(question)
        assert found.answer.outcome is Outcome.MISS
        assert [one.missing for one in await pull.store.images.list()] == [1]


async def test_what_is_only_told_of_is_no_image(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        image = registry.push_image("a/b", "latest", [])
        found = await pull.manifests.find(Question(pull.target(), image.digest, body=False))
        assert found.manifest.body is None
        pull.pulls.given(pull.target(), found.manifest)
        await pull.store.put(image.digest, image.manifest_body)
        assert await pull.store.images.list() == []
