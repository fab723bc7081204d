"""What images there are is found out from what is stored: in a cache of an older version, or with the index lost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from mirror.oci.digest import Digest
from mirror.oci.media_types import OCI_INDEX, OCI_MANIFEST
from mirror.store.catalog import Catalog
from mirror.store.choice import Demand
from mirror.store.gathering import gather
from mirror.store.images import Image, Images
from mirror.store.index import GATHERED, TOLD, Index, Member
from mirror.store.layout import Layout
from mirror.store.recovery import reconcile
from mirror.store.store import Store
from tests.support.caches import flip, layout_at, path_of, store_at, without_rounds
from tests.support.stocked import UPSTREAM, choose

LAYER = b"layer"


def _descriptor(body: bytes, media_type: str) -> dict[str, object]:
    return {"mediaType": media_type, "digest": str(Digest.of(body)), "size": len(body)}


MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "config": _descriptor(b"{}", "application/vnd.oci.image.config.v1+json"),
        "layers": [_descriptor(LAYER, "application/vnd.oci.image.layer.v1.tar")],
    }
).encode()
INDEX = json.dumps({"schemaVersion": 2, "manifests": [_descriptor(MANIFEST, OCI_MANIFEST)]}).encode()
BODIES = (LAYER, b"{}", MANIFEST, INDEX, b"loose")


async def _fill(store: Store, *bodies: bytes) -> None:
    """As a version that knew no images filled it."""
    for body in bodies:
        await store.put(Digest.of(body), body)
    for body, media_type in ((MANIFEST, OCI_MANIFEST), (INDEX, OCI_INDEX)):
        store.facts.prove(Member(UPSTREAM, "app", str(Digest.of(body)), media_type))


def _forget_images(index: Index) -> None:
    for table in ("images", "needs", "documents", "loose"):
        index.write(f"DELETE FROM {table} WHERE ?", (1,))
    index.write("DELETE FROM loose WHERE ?", (1,))
    index.set_stage(TOLD)


def _through(bringing: Callable[[Layout, Index], Iterator[int]], layout: Layout, index: Index, _: Catalog) -> int:
    return sum(bringing(layout, index))


async def _found(root: Path) -> tuple[list[Image], list[str]]:
    async with store_at(root) as store:
        await without_rounds(store)
        for bringing in (reconcile, gather):
            await store._databases.on_thread(partial(_through, bringing, store._layout))
        loose = await store._databases.on_thread(lambda index, _: list(index.read("SELECT digest FROM loose")))
        assert await store._databases.on_thread(lambda index, _: index.stage) == GATHERED
        return await store.images.list(), [digest for (digest,) in loose]


async def _expect_the_image(root: Path) -> None:
    images, loose = await _found(root)
    assert [(one.digest, one.size, one.missing) for one in images] == [
        (str(Digest.of(INDEX)), sum(map(len, BODIES[:4])), 0)
    ]
    assert loose == [str(Digest.of(b"loose"))]


async def test_a_cache_of_an_older_version_is_looked_through(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        await without_rounds(store)
        await _fill(store, *BODIES)
        await store.flush()
        await store._databases.on_thread(lambda index, _: _forget_images(index))
    await _expect_the_image(tmp_path)


async def test_a_lost_index_is_made_again_from_what_is_stored(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        await _fill(store, *BODIES)
    shutil.rmtree(tmp_path / "index")
    await _expect_the_image(tmp_path)


async def test_what_is_known_is_not_read_again_and_what_was_lost_is_noted(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        await _fill(store, *BODIES)
    await _found(tmp_path)
    path_of(tmp_path, Digest.of(MANIFEST)).write_bytes(b"another one")
    with layout_at(tmp_path) as layout:
        index = Index(layout.index)
        try:
            index.write("DELETE FROM documents WHERE digest = ?", (str(Digest.of(INDEX)),))
            index.write("DELETE FROM needs WHERE parent = ?", (str(Digest.of(INDEX)),))
            sum(gather(layout, index))
            images = Images(index)
            assert images.needed_by(str(Digest.of(MANIFEST))) == [str(Digest.of(INDEX))]
            assert images.needed_by(str(Digest.of(LAYER))) == [str(Digest.of(MANIFEST))]
        finally:
            index.close()


async def test_what_is_not_what_its_name_says_tells_nothing(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        await _fill(store, *BODIES)
        await store.flush()
        await without_rounds(store)
        await store._databases.on_thread(lambda index, _: _forget_images(index))
    flip(path_of(tmp_path, Digest.of(MANIFEST)))
    with layout_at(tmp_path) as layout:
        index = Index(layout.index)
        try:
            sum(gather(layout, index))
            assert Images(index).needed_by(str(Digest.of(LAYER))) == []
        finally:
            index.close()


def test_an_empty_cache_is_gathered_at_once(tmp_path: Path) -> None:
    with layout_at(tmp_path) as layout:
        index = Index(layout.index)
        try:
            assert list(gather(layout, index)) == []
            assert index.stage == GATHERED
            assert choose(index, Demand(1)).going == ()
        finally:
            index.close()
