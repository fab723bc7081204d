"""A rehearsal as a whole: which images it is about, page after page, one at a time; and read to the last byte."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from mirror.errors import Code, Refused
from mirror.rehearsal import rehearsal
from mirror.rehearsal.rehearsal import Rehearsals
from mirror.rehearsal.terms import Terms
from mirror.store.eviction import Room
from mirror.store.index import GATHERED, TOLD, Index
from tests.support import content
from tests.support.caches import flip, path_of
from tests.support.rehearsing import Rehearsing, rehearsing
from tests.support.scenes import HOUR, MINUTE

LARGE = b"layer" * 20_000


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[Rehearsing]:
    async with rehearsing(tmp_path) as it:
        yield it


async def test_only_what_was_pulled_lately_and_is_named_is_rehearsed(it: Rehearsing) -> None:
    for tag in ("v1", "v2"):
        it.push(tag, tag.encode())
        assert await it.pull(tag)
    assert list(await it.foretold()) != []
    assert set(await it.foretold(patterns=("a/b:v1",))) == {"one/a/b:v1"}
    assert set(await it.foretold(patterns=("one/*:v2", "nothing"))) == {"one/a/b:v2"}
    assert len(await it.foretold(patterns=("one/a",))) == 2
    assert await it.foretold(patterns=("two",)) == {}
    it.it.clock.advance(HOUR)
    assert len(await it.foretold(within=2 * HOUR)) == 2
    assert await it.foretold(within=MINUTE) == {}


async def test_the_end_counts_what_there_was_and_what_it_lacks(it: Rehearsing) -> None:
    image = it.push("v1", LARGE)
    assert await it.pull("v1")
    assert await it.pull()
    await it.lose(image.layer_digests[0])
    *_, end = await it.told(outage=60.0, within=HOUR)
    assert end == {
        "event": "end",
        "images": 2,
        "survive": 1,
        "passed_over": 0,
        "reasons": {"blobs-missing": 1},
        "within": HOUR,
        "outage": 60.0,
        "tight": False,
    }


async def test_a_cache_that_is_nearly_full_is_said_to_be(it: Rehearsing) -> None:
    assert await it.pull()
    premises = replace(it.stage.premises, room=Room(max_size=lambda _: it.stage.store.size, min_free=lambda _: 0))
    rehearsals = Rehearsals(replace(it.stage, premises=premises), it.it.clock)
    *_, end = [document async for document in rehearsals.run(Terms())]
    assert end["tight"]


async def test_many_images_come_page_by_page_and_each_once(it: Rehearsing) -> None:
    count = rehearsal._PAGE * 2 + 1
    for number in range(count):
        it.stage.store.images.pulled(("one", f"many/{number:04}", f"sha256:{number:064x}"), it.it.clock())
    found = await it.foretold()
    assert len(found) == count
    assert set(map(tuple, found.values())) == {("gone",)}


async def test_there_is_one_at_a_time_and_who_leaves_off_makes_room(it: Rehearsing) -> None:
    assert await it.pull()
    async with aclosing(it.rehearsals.run(Terms())) as first:
        await anext(first)
        with pytest.raises(Refused) as refused:
            await it.told()
        assert (refused.value.code, refused.value.retry_after) == (Code.BUSY, 10)
    assert len(await it.told()) == 2


async def test_an_index_that_was_just_made_is_waited_for(it: Rehearsing) -> None:
    index = Index(it.root / "index")
    try:
        index.set_stage(TOLD)
        with pytest.raises(Refused) as refused:
            await it.told()
        assert refused.value.code is Code.BUSY
        index.set_stage(GATHERED)
        assert len(await it.told()) == 1
    finally:
        index.close()


async def test_what_the_disk_has_changed_unseen_is_found_by_reading_it(it: Rehearsing) -> None:
    image = it.push("v1", LARGE)
    it.push("v2", LARGE, b"more")
    assert await it.pull("v1")
    assert await it.pull("v2")
    layer = path_of(it.root, image.layer_digests[0])
    status = layer.stat()
    flip(layer)
    os.utime(layer, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert set(map(tuple, (await it.foretold(outage=MINUTE)).values())) == {()}
    damaged = {"one/a/b:v1": ["damaged"], "one/a/b:v2": ["damaged"]}
    assert await it.foretold(outage=MINUTE, deep=True) == damaged  # the second time from what is remembered
    assert not layer.exists()
    missing = {name: ["blobs-missing"] for name in damaged}
    assert await it.foretold(outage=MINUTE, deep=True) == missing


async def test_it_asks_nobody_and_changes_nothing(it: Rehearsing) -> None:
    image = it.push("v1", LARGE)
    assert await it.pull("v1")
    await it.lose(image.layer_digests[0])
    it.it.asked()
    it.it.clock.advance(30 * MINUTE)
    record = dict(it.it.pull.store.facts._tags)
    await it.told(outage=HOUR)
    assert it.it.asked() == []
    assert dict(it.it.pull.store.facts._tags) == record


async def test_however_much_an_image_lacks_its_line_is_one_that_is_read_at_once(it: Rehearsing) -> None:
    images = [it.push(None, f"layer {number}".encode()) for number in range(52)]
    body = json.loads(content.index(images[:1]))
    entries = [content.descriptor(content.OCI_MANIFEST, one.manifest_body) for one in images]
    platform = {"os": "linux", "architecture": "a" * 64, "variant": "v" * 64}
    body["manifests"] = [{**entry, "platform": platform} for entry in entries]
    it.it.registry.push_manifest("a/b", "v1", json.dumps(body).encode(), content.OCI_INDEX)
    assert await it.pull("v1", blobs=False)
    document, _ = await it.told(outage=MINUTE)
    assert (len(document["reasons"]), document["reasons_untold"], len(document["orders"])) == (50, 2, 50)
    assert len(json.dumps(document)) < 64 * 1024
