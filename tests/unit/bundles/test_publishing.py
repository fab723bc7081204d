"""What a store says of a bundle's content once all of it is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirror.bundles.closure import read_document
from mirror.bundles.contents import Contents
from mirror.bundles.publishing import MOST, Publishing
from mirror.errors import Refused
from mirror.oci.digest import Digest
from mirror.store.catalog import Key, TagRecord
from mirror.store.store import Store
from tests.support import content
from tests.support.bundles import HUB, Kept, contents_of, named
from tests.support.caches import store_at
from tests.support.others import others_beside

NOW = 1_800_000_000.0
TAG = Key("tag", HUB, "a/b", "1")


def publishing(
    store: Store, kept: Kept, contents: Contents, without: Digest | None = None, most: int = MOST
) -> Publishing:
    """`without`: the manifest that has not come."""
    manifests = [one for one in contents.known().values() if one.media_type is not None and one.digest != without]
    documents = {one.digest: read_document(one.digest, kept.held[one.digest], one.media_type) for one in manifests}
    return Publishing(store, contents, documents, most)


async def fill(store: Store, kept: Kept) -> None:
    for digest, data in kept.held.items():
        await store.put(digest, data)


async def test_each_repository_has_what_its_images_name_and_the_tag_lasts(tmp_path: Path) -> None:
    kept = Kept()
    image = kept.image(b"layer")
    contents = contents_of(kept, [named("a/b", image.digest)])
    async with store_at(tmp_path) as store:
        await fill(store, kept)
        said = publishing(store, kept, contents)
        await said.keep(NOW)
        await said.check()
        await said.publish(NOW)
        facts = store.facts
        manifest = facts.member(HUB, "a/b", str(image.digest))
        assert manifest is not None
        assert manifest.media_type == content.OCI_MANIFEST
        for digest in (image.config_digest, *image.layer_digests):
            assert facts.member(HUB, "a/b", str(digest)) is not None
            assert facts.member(HUB, "c/d", str(digest)) is None
        assert facts.tag(TAG) == TagRecord(str(image.digest), NOW, lasting=True)
        (listed,) = await store.images.list()
        assert (listed.repository, listed.tags, listed.missing, listed.last_pull) == ("a/b", ("1",), 0, NOW)
        (move,) = await facts.journal.history(HUB, "a/b", "1")
        assert (move.old, move.new) == (None, str(image.digest))
    async with store_at(tmp_path) as store:  # and after a restart
        assert store.facts.tag(TAG) == TagRecord(str(image.digest), NOW, lasting=True)


async def test_what_was_absent_is_there_now_and_whoever_remembers_hears_of_it(tmp_path: Path) -> None:
    kept = Kept()
    image = kept.image(b"layer")
    contents = contents_of(kept, [named("a/b", image.digest)])
    absences = [
        Key("absent", HUB, "a/b", "1"),
        Key("absent", HUB, "a/b", str(image.digest)),
        Key("absent-blob", HUB, "a/b", str(image.config_digest)),
    ]
    async with store_at(tmp_path) as store:
        await fill(store, kept)
        for absence in absences:
            store.facts.put_absent(absence, 3600)
        heard: list[Key | None] = []
        store.facts.watch(heard.append)
        await publishing(store, kept, contents).publish(NOW)
        assert [store.facts.absent(absence) for absence in absences] == [False] * 3
        assert TAG in heard


async def test_an_image_by_digest_has_no_tag(tmp_path: Path) -> None:
    kept = Kept()
    image = kept.image(b"layer")
    async with store_at(tmp_path) as store:
        await fill(store, kept)
        await publishing(store, kept, contents_of(kept, [named("a/b", image.digest, None)])).publish(NOW)
        assert store.facts.tag_names(HUB, "a/b") == []
        assert store.facts.member(HUB, "a/b", str(image.digest)) is not None


@pytest.mark.parametrize("what", ["a layer", "a manifest"])
async def test_nothing_is_said_of_images_that_are_not_whole(tmp_path: Path, what: str) -> None:
    kept = Kept()
    first, second = kept.image(b"first"), kept.image(b"second")
    contents = contents_of(kept, [named("a/b", kept.index(first, second))])
    missing = second.layer_digests[0] if what == "a layer" else second.digest
    async with store_at(tmp_path) as store:
        await fill(store, kept)
        await store.blobs.delete(missing)
        said = publishing(store, kept, contents, without=missing)
        with pytest.raises(Refused, match=f"{missing}, which has gone again" if what == "a layer" else str(missing)):
            await said.check()
        assert store.facts.tag(TAG) is None


async def test_a_blob_that_the_contents_do_not_name_is_lacking(tmp_path: Path) -> None:
    kept = Kept()
    image = kept.image(b"layer")
    contents = contents_of(kept, [named("a/b", image.digest)])
    fewer = Contents(contents.images, tuple(one for one in contents.pieces if one.digest != Digest.of(b"layer")))
    async with store_at(tmp_path) as store:
        await fill(store, kept)
        with pytest.raises(Refused, match="not whole"):
            await publishing(store, kept, fewer).check()


async def test_what_the_sender_had_not_is_no_lack(tmp_path: Path) -> None:
    kept = Kept()
    first, second = kept.image(b"first"), kept.image(b"second")
    index = kept.index(first, second)
    del kept.held[second.digest]
    contents = contents_of(kept, [named("a/b", index)])
    async with store_at(tmp_path) as store:
        await fill(store, kept)
        said = publishing(store, kept, contents)
        await said.check()
        await said.publish(NOW)
        assert store.facts.member(HUB, "a/b", str(second.digest)) is None


async def test_what_is_said_of_images_is_bounded_and_said_once_for_all_tags(tmp_path: Path) -> None:
    kept = Kept()
    image = kept.image(b"layer")
    tags = [named("a/b", image.digest, tag) for tag in ("1", "2", "3")]
    async with store_at(tmp_path) as store:
        await fill(store, kept)
        await publishing(store, kept, contents_of(kept, tags), most=3).check()
        with pytest.raises(Refused, match="too much"):
            await publishing(store, kept, contents_of(kept, [*tags, named("c/d", image.digest)]), most=3).check()


async def test_others_have_their_turn_while_much_is_said(tmp_path: Path) -> None:
    kept = Kept()
    image = kept.image(*(b"%d" % layer for layer in range(100)))
    contents = contents_of(kept, [named("a/b", image.digest)])
    async with store_at(tmp_path) as store, others_beside() as others:
        said = publishing(store, kept, contents)
        for telling in (said.publish(NOW), said.keep(NOW + 1)):
            before = others.turns
            await telling
            assert others.turns > before
