"""What is foretold of a tag is what then becomes of it, once nobody can be asked and time has passed."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from mirror.errors import UpstreamError
from mirror.pull.memory import Memory
from mirror.pull.shelf import Shelf
from mirror.rehearsal.reasons import Lack
from mirror.rehearsal.tags import Answered, Tags
from mirror.store.catalog import Key, TagRecord
from mirror.store.tag_pins import TagPin
from tests.support.scenes import HOUR, MINUTE, POLICY, Scene, scene

LATEST = Key("tag", "one", "a/b", "latest")


async def foretold(it: Scene, lasting: float, tag: str = "latest", noted: str | None = None) -> Answered:
    store = it.pull.store
    tags = Tags(store.facts, Shelf(store, Memory(1024), 1024**2), it.clock, lasting)
    return await tags.answered(it.pull.target(), tag, noted)


async def is_answered(it: Scene, tag: str = "latest") -> bool:
    """Whether a client is given it, now that nobody is asked."""
    it.pull.contact.freeze()
    try:
        await it.get(tag)
    except UpstreamError:
        return False
    finally:
        it.pull.contact.thaw()
    return True


SPANS = (0.0, 10 * MINUTE, HOUR, 2 * HOUR)
YEAR = 365 * 24 * HOUR


@pytest.mark.parametrize("kind", ["plain", "immutable", "brought", "pinned", "set back"])
async def test_a_tag_is_answered_at_the_end_of_an_outage_if_that_was_foretold(tmp_path: Path, kind: str) -> None:
    tag = "v1" if kind == "immutable" else "latest"
    async with scene(tmp_path) as it:
        it.registry.push_image("a/b", "v1", [b"old"])
        digest = str((await it.get(tag)).manifest.digest)
        facts = it.pull.store.facts
        if kind == "pinned":
            facts.pins.put(TagPin("one", "a/b", tag, digest, it.clock()))
        for age, lasting in product(SPANS, SPANS):
            checked = it.clock() + (YEAR if kind == "set back" else -age)
            facts.put_tag(replace(LATEST, reference=tag), TagRecord(digest, checked, lasting=kind == "brought"), YEAR)
            answered = await foretold(it, lasting, tag)
            assert answered.digest == digest
            if kind == "set back":
                assert await is_answered(it, tag)  # asked in vain, it grows old from now on
            it.clock.advance(lasting)
            assert await is_answered(it, tag) == (answered.reason is None), (age, lasting)


async def test_a_tag_that_runs_out_says_when_and_whether_asking_now_would_do(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.get()
        it.clock.advance(45 * MINUTE)
        soon, never = await foretold(it, HOUR), await foretold(it, 2 * HOUR)
        assert soon.reason is not None
        assert (soon.reason.lack, soon.is_mendable) == (Lack.TAG_RUNS_OUT, True)
        assert soon.reason.words == "it is answered for 20 min more while its registry cannot be asked"
        assert never.reason is not None
        assert (never.reason.lack, never.is_mendable) == (Lack.TAG_RUNS_OUT, False)
        assert "raise it, or pin the tag with `mirror pin-tag`" in never.reason.words
        it.clock.advance(HOUR)
        late = await foretold(it, 1)
        assert late.reason is not None
        assert late.reason.words.startswith("it is not answered any more")


async def test_what_is_only_remembered_by_its_name_is_unknown(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        answered = await foretold(it, HOUR, "forgotten", "sha256:x")
        assert answered.reason is not None
        assert (answered.digest, answered.reason.lack, answered.is_mendable) == ("sha256:x", Lack.TAG_UNKNOWN, True)
        assert not await is_answered(it, "forgotten")


@pytest.mark.parametrize("lasting", [10 * MINUTE, HOUR])
async def test_of_a_digest_that_is_held_back_is_foretold_when_it_is_given(tmp_path: Path, lasting: float) -> None:
    async with scene(tmp_path, replace(POLICY, hold=30 * MINUTE)) as it:
        former = str((await it.get()).manifest.digest)
        it.clock.advance(10 * MINUTE)
        newer = str(it.move().digest)
        await it.get()
        answered = await foretold(it, lasting)
        assert (answered.digest, answered.reason) == (former, None)
        it.pull.contact.freeze()
        it.clock.advance(lasting)
        given = str((await it.get()).manifest.digest)
        assert given == (answered.then or former)
        assert (given == newer) == (lasting >= 30 * MINUTE)


async def test_without_the_manifest_that_is_held_back_the_registry_would_be_asked(tmp_path: Path) -> None:
    async with scene(tmp_path, replace(POLICY, hold=HOUR)) as it:
        former = str((await it.get()).manifest.digest)
        it.clock.advance(10 * MINUTE)
        record = TagRecord("sha256:" + "0" * 64, it.clock(), former=former, since=it.clock())
        it.pull.store.facts.put_tag(LATEST, record, 2 * HOUR)
        answered = await foretold(it, MINUTE)
        assert answered.reason is not None
        assert (answered.digest, answered.reason.lack) == (former, Lack.TAG_UNKNOWN)
        assert not await is_answered(it)


async def test_where_the_former_digest_is_gone_the_new_one_is_given_though_it_is_held_back(tmp_path: Path) -> None:
    async with scene(tmp_path, replace(POLICY, hold=HOUR)) as it:
        newer = str((await it.get()).manifest.digest)
        record = TagRecord(newer, it.clock(), former="sha256:" + "0" * 64, since=it.clock())
        it.pull.store.facts.put_tag(LATEST, record, 2 * HOUR)
        answered = await foretold(it, MINUTE)
        assert (answered.digest, answered.reason) == (newer, None)
        it.pull.contact.freeze()
        assert str((await it.get()).manifest.digest) == newer
