"""What one process has changed, the stores of the others do not go on believing."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from mirror.store.catalog import Key, TagRecord
from mirror.store.index import Member
from mirror.store.store import Store
from tests.support.caches import blob, content, flip, path_of
from tests.support.checker import until
from tests.support.siblings import stores

DIGEST, DATA = blob(1, 5000)
ONE, TWO = str(blob(1)[0]), str(blob(2)[0])
TAG = Key("tag", "one", "a/b", "v1")


async def _tagged(store: Store, digest: str, checked: float) -> None:
    store.facts.put_tag(TAG, TagRecord(digest, checked), 60)
    await store.flush()


async def test_a_tag_that_one_moves_is_moved_for_all(tmp_path: Path) -> None:
    async with stores(tmp_path, 2) as (_, (one, two)):
        heard: list[Key | None] = []
        two.facts.watch(heard.append)
        await _tagged(one, ONE, 1.0)
        await until(lambda: heard == [TAG])
        assert two.facts.tag(TAG) == TagRecord(ONE, 1.0)
        await _tagged(one, ONE, 2.0)
        await until(lambda: two.facts.tag(TAG) == TagRecord(ONE, 2.0))
        assert heard == [TAG]  # asked for again, and as it was: nothing that was answered is wrong
        await _tagged(one, TWO, 3.0)
        await until(lambda: two.facts.tag(TAG) == TagRecord(TWO, 3.0))
        assert heard == [TAG, TAG]
        one.facts.forget_tag(TAG)
        await until(lambda: two.facts.tag(TAG) is None)
        assert heard == [TAG, TAG, TAG]


async def test_what_was_lost_is_looked_for(tmp_path: Path) -> None:
    async with stores(tmp_path, 2) as (family, (one, two)):
        await _tagged(one, ONE, 1.0)
        assert two.facts.tag(TAG) == TagRecord(ONE, 1.0)
        family.deaf = {"fact"}
        heard: list[Key | None] = []
        two.facts.watch(heard.append)
        await _tagged(one, TWO, 2.0)
        family.lose()
        assert two.facts.tag(TAG) == TagRecord(TWO, 2.0)
        assert heard == [None]


async def test_what_one_has_published_is_not_verified_again_by_the_others(tmp_path: Path) -> None:
    async with stores(tmp_path, 2) as (family, (one, two)):
        await one.put(DIGEST, DATA)
        await until(lambda: "stored" in family.subjects())
        found = await two.blobs.open(DIGEST)
        assert found is not None
        found.close()
        assert not two.blobs._checks


async def test_what_one_has_evicted_is_a_miss_for_all_and_no_loss(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with stores(tmp_path, 2) as (_, (one, two)):
        await one.put(DIGEST, DATA)
        assert await content(two, DIGEST) == DATA
        assert await one.blobs.delete(DIGEST)
        assert await content(two, DIGEST) is None
        await two.put(DIGEST, DATA)
        assert await content(one, DIGEST) == DATA
    assert "vanished" not in caplog.text


async def test_what_nobody_has_removed_has_vanished_for_whoever_looks(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with stores(tmp_path, 2) as (_, (one, two)):
        await one.put(DIGEST, DATA)
        await one.flush()
        assert await content(two, DIGEST) == DATA
        path_of(tmp_path, DIGEST).unlink()
        assert await content(two, DIGEST) is None
    assert "vanished" in caplog.text


async def test_what_one_has_found_corrupt_is_a_miss_for_all(tmp_path: Path) -> None:
    async with stores(tmp_path, 2) as (_, (one, two)):
        await one.put(DIGEST, DATA)
        assert await content(two, DIGEST) == DATA
        flip(path_of(tmp_path, DIGEST))
        assert await content(one, DIGEST) is None
        assert await content(two, DIGEST) is None
        await one.put(DIGEST, DATA)
        assert await content(two, DIGEST) == DATA


async def test_words_that_say_nothing_change_nothing(tmp_path: Path) -> None:
    async with stores(tmp_path, 2) as (family, (one, two)):
        await _tagged(two, ONE, 1.0)
        family.members[0].tell("fact", "nonsense", None)
        await one.put(DIGEST, DATA)
        await until(lambda: two.size == len(DATA))
        assert two.facts.tag(TAG) == TagRecord(ONE, 1.0)


async def test_what_one_forgets_no_other_remembers(tmp_path: Path) -> None:
    async with stores(tmp_path, 2) as (_, (one, two)):
        await _tagged(one, ONE, 1.0)
        assert two.facts.tag(TAG) == TagRecord(ONE, 1.0)
        heard: list[Key | None] = []
        two.facts.watch(heard.append)
        one.facts.forget_about(Key("tag", "one", "a/b", ""))
        await one.flush()
        await until(lambda: heard == [None])
        assert two.facts.tag(TAG) is None


async def test_a_proof_that_one_has_forgotten_is_forgotten_by_all(tmp_path: Path) -> None:
    async with stores(tmp_path, 2) as (_, (one, two)):
        member = Member("one", "a/b", ONE)
        one.facts.prove(member)
        await one.flush()
        assert two.facts.member("one", "a/b", ONE) == member
        await one.images.forget("one", "a/b", None)
        await until(lambda: two.facts.member("one", "a/b", ONE) is None)
