"""What goes when room is made is told with its reason, and a rehearsal changes nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

from mirror.stock.collecting import Collecting
from mirror.store.index import GATHERED, TOLD
from mirror.store.store import Store
from tests.support.caches import blob, published, store_at, without_rounds
from tests.support.stocked import UPSTREAM


async def _image(store: Store, repository: str, manifest: int, layer: int, pulled: float) -> str:
    for number in (manifest, layer):
        await store.put(*blob(number))
    digest = str(blob(manifest)[0])
    store.images.note(digest, [str(blob(layer)[0])])
    store.images.pulled((UPSTREAM, repository, digest), pulled)
    return digest


async def _stage(store: Store, stage: int) -> None:
    await store._databases.on_thread(lambda index, _: index.set_stage(stage))


async def test_nothing_goes_before_it_is_known_what_belongs_to_images(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        await without_rounds(store)
        await _stage(store, TOLD)
        await store.put(*blob(1))
        collecting = asyncio.create_task(Collecting(store).collected(0))
        assert await asyncio.wait({collecting}, timeout=0.3) == (set(), {collecting})
        assert len(published(tmp_path)) == 1
        await _stage(store, GATHERED)
        assert (await collecting)["bytes"] == 100


async def test_a_rehearsal_tells_what_would_go_in_its_order_and_what_stays(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        await without_rounds(store)
        await _stage(store, GATHERED)
        await _image(store, "kept", 1, 2, 0.0)
        old = await _image(store, "old", 3, 4, 1.0)
        await _image(store, "new", 5, 6, 2.0)
        await store.put(*blob(7))
        await store.images.pin(f"{UPSTREAM}/kept")
        before = published(tmp_path)
        told = await Collecting(store).rehearsed(450)
        assert published(tmp_path) == before
        assert told == {
            "dry_run": True,
            "target": 450,
            "size": 700,
            "limit": store.limit,
            "bytes": 300,
            "lacking": 0,
            "images": 3,
            "images_going": 1,
            "going": [
                {
                    "why": "no image needs it",
                    "image": None,
                    "tags": [],
                    "others": [],
                    "others_untold": 0,
                    "digest": str(blob(7)[0]),
                    "blobs": 1,
                    "bytes": 100,
                    "last_pull": None,
                },
                {
                    "why": "pulled least lately and least often for its size",
                    "image": f"{UPSTREAM}/old",
                    "tags": [],
                    "others": [],
                    "others_untold": 0,
                    "digest": old,
                    "blobs": 2,
                    "bytes": 200,
                    "last_pull": "1970-01-01T00:00:01+00:00",
                },
            ],
            "going_untold": 0,
            "staying": [
                {
                    "why": "pinned",
                    "image": f"{UPSTREAM}/kept",
                    "digest": str(blob(1)[0]),
                    "pin": f"{UPSTREAM}/kept",
                }
            ],
        }
        done = await Collecting(store).collected(450)
        assert done == told | {"dry_run": False}
        assert len(published(tmp_path)) == len(before) - 3
        assert store.size == 400


async def test_an_image_that_several_repositories_have_is_counted_and_named_for_each(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        await without_rounds(store)
        await _stage(store, GATHERED)
        for number, repository in enumerate(("team/a", "team/b", "team/c", "team/d", "team/e")):
            await _image(store, repository, 1, 2, float(number))
        await _image(store, "alone", 3, 4, 9.0)
        told = await Collecting(store).rehearsed(0)
        assert (told["images"], told["images_going"]) == (6, 6)
        same, alone = told["going"]
        assert same["image"] == f"{UPSTREAM}/team/e"
        assert same["others"] == [{"image": f"{UPSTREAM}/team/{one}", "digest": same["digest"]} for one in "abc"]
        assert (same["others_untold"], alone["others"], alone["others_untold"]) == (1, [], 0)
        assert (await Collecting(store).collected(0))["images_going"] == 6


async def test_within_the_bounds_nothing_goes(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        await store.put(*blob(1))
        told = await Collecting(store).collected(None)
        assert (told["bytes"], told["going"], told["lacking"]) == (0, [], 0)


async def test_what_cannot_go_is_told(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        await _image(store, "kept", 1, 2, 0.0)
        await store.images.pin("*")
        told = await Collecting(store).rehearsed(0)
        assert (told["bytes"], told["lacking"]) == (0, 200)
