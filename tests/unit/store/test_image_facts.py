"""The images of a running store: noted without waiting, asked behind what was noted, forgotten with what was known."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mirror.oci.digest import Digest
from mirror.store.catalog import Key, TagRecord
from mirror.store.index import Member
from mirror.store.store import Store
from tests.support.caches import blob, content, store_at, without_rounds
from tests.support.stocked import TYPE, UPSTREAM

TAG = Key("tag", UPSTREAM, "app", "v1")


async def _image(store: Store, repository: str, manifest: int, *layers: int) -> Digest:
    digest = blob(manifest)[0]
    for number in (manifest, *layers):
        await store.put(*blob(number))
        store.facts.prove(Member(UPSTREAM, repository, str(blob(number)[0]), TYPE if number == manifest else None))
    store.images.note(str(digest), [str(blob(number)[0]) for number in layers])
    store.images.pulled((UPSTREAM, repository, str(digest)), 5.0)
    return digest


async def test_what_was_just_noted_is_told(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        await without_rounds(store)  # which may gather the image before its pull is noted
        digest = await _image(store, "app", 1, 2, 3)
        assert [(one.repository, one.size, one.last_pull) for one in await store.images.list()] == [("app", 300, 5.0)]
        store.images.pulled((UPSTREAM, "app", str(digest)), 6.0)
        assert [one.last_pull for one in await store.images.list(UPSTREAM, "app")] == [6.0]
        assert await store.images.list("other.example") == []
        assert len(await store.images.closure(str(digest))) == 3
        assert await store.images.needed_by(str(blob(2)[0])) == [str(digest)]


async def test_the_last_pull_outlives_the_process(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        digest = await _image(store, "app", 1)
        store.images.pulled((UPSTREAM, "app", str(digest)), 7.0)
    async with store_at(tmp_path) as store:
        assert [one.last_pull for one in await store.images.list()] == [7.0]


async def test_a_document_is_known_until_it_goes(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        await without_rounds(store)
        digest = await _image(store, "app", 1)
        await store.flush()
        assert store.images.is_noted(str(digest))
        assert not store.images.is_noted(str(blob(2)[0]))
        await store.blobs.delete(digest)
        await store.flush()
        assert not store.images.is_noted(str(digest))
    async with store_at(tmp_path) as store:
        await _image(store, "app", 1)
    async with store_at(tmp_path) as store:
        assert store.images.is_noted(str(digest))  # as it is on disk


async def test_what_a_document_needs_is_not_taken_for_noted_before_it_is(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        await without_rounds(store)
        digest, data = blob(1)
        store.images.note(str(digest), [str(blob(2)[0])])  # nothing is noted of what is not stored
        await store.put(digest, data)
        await store.flush()
        assert not store.images.is_noted(str(digest))
        store.images.note(str(digest), [str(blob(2)[0])])
        await store.flush()
        assert store.images.is_noted(str(digest))


@pytest.mark.parametrize("lost", ["index", "catalog"])
async def test_pins_outlive_the_loss_of_either_database_one_after_the_other(tmp_path: Path, lost: str) -> None:
    async with store_at(tmp_path) as store:
        await store.images.pin("a/*")
    for kept in (lost, "index" if lost == "catalog" else "catalog"):
        shutil.rmtree(tmp_path / kept)
        async with store_at(tmp_path) as store:
            assert await store.images.pins() == ["a/*"]


async def test_pins_are_on_disk_at_once(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        await store.images.pin("a/*")
        assert await store.images.pins() == ["a/*"]
        assert await store.images.unpin("a/*")
        assert not await store.images.unpin("a/*")


async def test_pins_outlive_the_loss_of_the_index(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        for pattern in ("a/*", "b/*"):
            await store.images.pin(pattern)
        await store.images.unpin("b/*")
    shutil.rmtree(tmp_path / "index")
    async with store_at(tmp_path) as store:
        assert await store.images.pins() == ["a/*"]


async def test_an_image_is_forgotten_with_its_tags_its_proofs_and_what_only_it_needs(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        await without_rounds(store)
        digest = await _image(store, "app", 1, 2, 3)
        await _image(store, "other", 4, 3)
        store.facts.put_tag(TAG, TagRecord(str(digest), 1.0), 60.0)
        told: list[Key | None] = []
        store.facts.watch(told.append)
        await store.flush()
        planned = await store.images.alone(UPSTREAM, "app", str(digest))
        assert dict(planned.stored) == {str(blob(1)[0]): 100, str(blob(2)[0]): 100}
        assert store.facts.tag(TAG) is not None
        assert await store.images.forget(UPSTREAM, "app", str(digest)) == 200
        assert store.facts.tag(TAG) is None
        assert store.facts.member(UPSTREAM, "app", str(digest)) is None
        assert TAG in told
        assert [await content(store, blob(number)[0]) is not None for number in (1, 2, 3, 4)] == [
            False,
            False,
            True,
            True,
        ]
        assert [one.repository for one in await store.images.list()] == ["other"]
        assert store.size == 200


async def test_a_repository_is_forgotten_whole(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        await _image(store, "app", 1, 3)
        await _image(store, "app", 2, 3)
        await _image(store, "other", 4)
        assert await store.images.forget(UPSTREAM, "app", None) == 300
        assert store.facts.member(UPSTREAM, "app", str(blob(3)[0])) is None
        assert [one.repository for one in await store.images.list()] == ["other"]


async def test_what_is_being_fetched_is_not_removed(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        digest = await _image(store, "app", 1, 2)
        store.house.busy.add(blob(2)[0])
        assert await store.images.forget(UPSTREAM, "app", str(digest)) == 100
        assert await content(store, blob(2)[0]) is not None
