"""Pinned tags and tags that are held back, as clients get them: at once, and with a word why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mirror.errors import Absent, Unreachable
from mirror.oci.digest import Digest
from mirror.oci.media_types import OCI_INDEX, OCI_MANIFEST
from mirror.outcome import Outcome
from mirror.pull.manifests import Question
from mirror.pull.variants import variant_for
from mirror.store.catalog import Key, TagRecord
from mirror.store.journal import Move
from mirror.store.tag_pins import TagPin
from tests.support.faults import Fault
from tests.support.scenes import HOUR, MINUTE, POLICY, Scene, scene

HOLDING = replace(POLICY, hold=24 * HOUR)


def pin(it: Scene, digest: Digest, tag: str = "latest") -> TagPin:
    made = TagPin("one", "a/b", tag, str(digest), it.clock())
    it.pull.store.facts.pins.put(made)
    return made


async def history(it: Scene) -> list[Move]:
    return await it.pull.store.facts.journal.history("one", "a/b", "latest")


async def test_a_pinned_tag_is_answered_so_and_nobody_is_asked(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.get()
        it.clock.advance(5 * MINUTE)
        moved = it.move()
        assert (await it.get()).manifest.digest == moved.digest
        made = pin(it, it.image.digest)
        it.asked()
        it.clock.advance(1000 * HOUR)
        for found in (await it.get(), await it.head(), await it.get(accept=[OCI_INDEX])):
            assert found.manifest.digest == it.image.digest
            assert (found.answer.outcome, found.answer.until) == (Outcome.HIT, None)
            assert found.answer.warning == "the operator has pinned this tag"
        recalled = it.pull.manifests.recall(Question(it.pull.target(), "latest"))
        assert recalled is not None
        assert (recalled.manifest.digest, recalled.answer.warning) == (
            it.image.digest,
            "the operator has pinned this tag",
        )
        assert it.asked() == []
        it.pull.store.facts.pins.forget(made)
        assert (await it.get()).manifest.digest == moved.digest


async def test_a_pin_that_is_not_held_is_fetched_by_its_digest(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        other = it.registry.push_image("a/b", "other", [b"other"])
        pin(it, other.digest)
        assert it.pull.manifests.recall(Question(it.pull.target(), "latest")) is None
        assert (await it.get()).manifest.digest == other.digest
        assert it.asked() == ["GET"]
        pin(it, Digest.of(b"nobody has this"))
        with pytest.raises(Absent):
            await it.get()


async def test_a_new_digest_is_held_back_and_known_from_the_first_sighting(tmp_path: Path) -> None:
    async with scene(tmp_path, HOLDING) as it:
        assert (await it.get()).answer.warning is None
        it.clock.advance(5 * MINUTE)
        moved = it.move()
        began = it.clock()
        for _ in range(3):
            found = await it.get()
            assert found.manifest.digest == it.image.digest
            assert found.answer.warning is not None
            assert "is held back until" in found.answer.warning
            assert found.answer.until is not None
            assert found.answer.until <= began + 24 * HOUR
            recalled = it.pull.manifests.recall(Question(it.pull.target(), "latest"))
            assert recalled is not None
            assert recalled.manifest.digest == it.image.digest
            it.clock.advance(7 * HOUR)
        assert [(one.old, one.new) for one in await history(it)] == [
            (str(it.image.digest), str(moved.digest)),
            (None, str(it.image.digest)),
        ]
        it.clock.advance(3 * HOUR)
        found = await it.get()
        assert (found.manifest.digest, found.answer.warning) == (moved.digest, None)


async def test_a_head_tells_nobody_of_what_is_held_back(tmp_path: Path) -> None:
    """dockerd asks by HEAD, and then pulls the digest that it was told."""
    async with scene(tmp_path, HOLDING) as it:
        await it.head()
        assert (await history(it)) == []
        await it.get()
        it.clock.advance(5 * MINUTE)
        it.move()
        for found in (await it.head(), await it.head()):
            assert found.manifest.digest == it.image.digest
        it.clock.advance(24 * HOUR - 1)
        assert (await it.head()).manifest.digest == it.image.digest


async def test_a_variant_is_held_back_as_well(tmp_path: Path) -> None:
    async with scene(tmp_path, HOLDING) as it:
        index = it.registry.push_index("a/b", "latest", [it.image])
        assert (await it.get()).manifest.digest == index
        moved = it.registry.push_image("a/b", None, [b"new"])
        for digest in (it.image.digest, moved.digest):
            await it.pull.manifests.find(Question(it.pull.target(), digest))
        narrow = Key("tag", "one", "a/b", "latest", variant_for([OCI_MANIFEST]).name)
        now, facts = it.clock(), it.pull.store.facts
        held = TagRecord(str(moved.digest), now, former=str(it.image.digest), since=now)
        facts.put_tag(narrow, held, 3600)
        assert (await it.get(accept=[OCI_MANIFEST])).manifest.digest == it.image.digest
        facts.put_tag(narrow, replace(held, former=""), 3600)
        assert (await it.get(accept=[OCI_MANIFEST])).manifest.digest == moved.digest


async def test_what_the_catalog_has_forgotten_is_held_by_the_journal(tmp_path: Path) -> None:
    async with scene(tmp_path, HOLDING) as it:
        await it.get()
        await it.pull.store.flush()
        (key,) = list(it.pull.store.facts._tags)
        it.pull.store.facts.forget_tag(key)
        it.move()
        assert (await it.get()).manifest.digest == it.image.digest


async def test_a_new_digest_is_held_back_also_when_the_tag_was_gone_meanwhile(tmp_path: Path) -> None:
    async with scene(tmp_path, replace(HOLDING, not_found_ttl=0.0)) as it:
        await it.get()
        it.clock.advance(5 * MINUTE)
        it.registry.delete_tag("a/b", "latest")
        with pytest.raises(Absent):
            await it.get()
        await it.pull.store.flush()
        it.clock.advance(5 * MINUTE)
        moved = it.move()
        assert (await it.get()).manifest.digest == it.image.digest
        assert [one.new for one in await history(it)] == [str(moved.digest), None, str(it.image.digest)]
        it.clock.advance(24 * HOUR)
        assert (await it.get()).manifest.digest == moved.digest


async def test_a_former_one_that_cannot_be_had_gives_way(tmp_path: Path) -> None:
    async with scene(tmp_path, HOLDING) as it:
        await it.get()
        it.clock.advance(5 * MINUTE)
        moved = it.move()
        facts = it.pull.store.facts
        (key,) = list(facts._tags)
        record = facts.tag(key)
        assert record is not None
        facts.put_tag(key, replace(record, digest=str(Digest.of(b"nobody has this"))), 3600)
        found = await it.get()
        assert (found.manifest.digest, found.answer.warning) == (moved.digest, None)


async def test_who_asked_first_is_noted(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        for client in ("10.0.0.1", "10.0.0.2"):
            await it.pull.manifests.find(Question(it.pull.target(), "latest", client=client))
        it.clock.advance(5 * MINUTE)
        moved = it.move()
        # As dockerd does: the digest is learned by HEAD, and fetched by itself.
        await it.pull.manifests.find(Question(it.pull.target(), "latest", body=False, client="10.0.0.3"))
        assert len(await history(it)) == 1
        await it.pull.manifests.find(Question(it.pull.target(), moved.digest, client="10.0.0.4"))
        assert [(one.new, one.client) for one in await history(it)] == [
            (str(moved.digest), "10.0.0.3"),
            (str(it.image.digest), "10.0.0.1"),
        ]


@pytest.mark.parametrize("serves", [True, False], ids=["served on", "forgotten"])
async def test_a_tag_that_is_gone_and_comes_back_has_moved_twice(tmp_path: Path, serves: bool) -> None:
    async with scene(tmp_path, replace(POLICY, serves_deleted=serves, not_found_ttl=0.0)) as it:
        await it.get()
        it.clock.advance(5 * MINUTE)
        it.registry.delete_tag("a/b", "latest")
        if serves:
            assert (await it.get()).answer.outcome is Outcome.STALE
        else:
            with pytest.raises(Absent):
                await it.get()
        it.clock.advance(6 * MINUTE)
        it.registry.fail(Fault(status=503), times=None)  # an outage meanwhile is no news
        if serves:
            assert (await it.get()).answer.outcome is Outcome.STALE
        else:
            with pytest.raises(Unreachable):
                await it.get()
        it.registry.heal()
        it.clock.advance(6 * MINUTE)
        it.registry.push_manifest("a/b", "latest", it.image.manifest_body, it.image.media_type)
        await it.get()
        digest = str(it.image.digest)
        assert [(one.old, one.new) for one in await history(it)] == [(None, digest), (digest, None), (None, digest)]
