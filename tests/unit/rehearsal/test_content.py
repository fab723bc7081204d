"""What of an image's content is lacking, told apart by what it is; and that a pull then fails for it, or does not."""

from __future__ import annotations

import json
from pathlib import Path

from mirror.oci.digest import Digest
from mirror.oci.media_types import SCHEMA1_SIGNED
from mirror.pull.memory import Memory
from mirror.pull.shelf import Shelf
from mirror.rehearsal.content import Content, Damaged, Larder, unread
from mirror.rehearsal.reasons import Lack, Reason
from tests.support import content, schema1
from tests.support.checker import until
from tests.support.content import Image
from tests.support.pulling import body as pulled_body
from tests.support.rehearsing import Rehearsing, rehearsing

LARGE = b"layer" * 20_000  # in no memory
OTHER = b"other" * 20_000


async def looked(it: Rehearsing, digest: Digest, repository: str = "a/b", damaged: Damaged = unread) -> Content:
    store = it.it.pull.store
    found = Content(Larder(store, Shelf(store, Memory(1024), 1024**2), damaged), it.it.pull.target(repository))
    await found.look(digest)
    return found


async def lacks(it: Rehearsing, digest: Digest) -> list[Reason]:
    return (await looked(it, digest)).reasons


async def test_what_was_pulled_whole_lacks_nothing_and_is_not_used_by_looking(tmp_path: Path) -> None:
    async with rehearsing(tmp_path) as it:
        image = it.push("v1", LARGE)
        assert await it.pull("v1")
        it.it.pull.store.house.note_uses()
        found = await looked(it, image.digest)
        assert (found.reasons, found.platforms, found.documents) == ([], [], [image.digest])
        assert it.it.pull.store.house._used == {}


async def test_blobs_that_are_not_here_are_counted_with_their_bytes(tmp_path: Path) -> None:
    async with rehearsing(tmp_path) as it:
        image = it.push("v1", LARGE, OTHER)
        assert await it.pull("v1")
        await it.lose(image.layer_digests[0])
        (reason,) = await lacks(it, image.digest)
        words = "1 of 3 blobs are not here (97.7 KiB)"
        assert reason == Reason(Lack.BLOBS, words, str(image.digest), "", 1, len(LARGE))
        await it.lose(image.config_digest)
        (reason,) = await lacks(it, image.digest)
        assert (reason.blobs, reason.words.startswith("2 of 3 blobs are not here, its config among")) == (2, True)


def platforms_of(it: Rehearsing) -> tuple[Digest, list[Image]]:
    images = [it.push(None, LARGE), it.push(None, OTHER), it.push(None, LARGE, OTHER)]
    return it.it.registry.push_index("a/b", "v1", images), images


async def test_of_an_index_the_platforms_count_that_were_pulled(tmp_path: Path) -> None:
    async with rehearsing(tmp_path) as it:
        digest, images = platforms_of(it)
        assert await it.pull("v1", blobs=False)
        found = await looked(it, digest)
        assert found.platforms == ["linux/amd64", "linux/arm64", "linux/riscv64"]
        assert [(one.lack, one.platform, one.blobs) for one in found.reasons] == [
            (Lack.BLOBS, "linux/amd64", 2),
            (Lack.BLOBS, "linux/arm64", 2),
            (Lack.BLOBS, "linux/riscv64", 3),
        ]
        for image in images:
            assert await it.pull(image.digest)
        assert await lacks(it, digest) == []
        await it.lose(images[1].digest)
        (reason,) = await lacks(it, digest)
        assert (reason.lack, reason.platform, reason.digest) == (Lack.PLATFORM, "linux/arm64", str(images[1].digest))


async def test_an_index_of_which_nobody_pulled_a_platform_is_an_index_only(tmp_path: Path) -> None:
    async with rehearsing(tmp_path) as it:
        digest, images = platforms_of(it)
        await it.it.get("v1")
        (reason,) = await lacks(it, digest)
        assert reason.lack is Lack.INDEX_ONLY
        assert await it.pull(images[0].digest)
        assert await lacks(it, digest) == []


async def test_what_is_gone_and_what_was_never_confirmed_are_told_apart(tmp_path: Path) -> None:
    async with rehearsing(tmp_path) as it:
        image = it.push("v1", LARGE)
        assert await it.pull("v1")
        elsewhere = await looked(it, image.digest, "a/other")
        assert [reason.lack for reason in elsewhere.reasons] == [Lack.UNPROVEN]
        it.it.pull.store.facts.disprove("one", "a/b", str(image.layer_digests[0]))
        await it.it.pull.store.flush()
        (reason,) = await lacks(it, image.digest)
        assert (reason.lack, reason.blobs, reason.bytes) == (Lack.UNPROVEN, 1, 0)
        await it.lose(image.digest)
        (reason,) = await lacks(it, image.digest)
        assert reason.lack is Lack.GONE


async def test_layers_that_a_registry_need_not_have_are_not_missed(tmp_path: Path) -> None:
    async with rehearsing(tmp_path) as it:
        document = json.loads(it.push(None, LARGE, OTHER).manifest_body)
        document["layers"][1]["urls"] = ["https://elsewhere.example"]
        digest = it.it.registry.push_manifest("a/b", "v1", json.dumps(document).encode(), content.OCI_MANIFEST)
        assert await it.pull("v1")
        assert await lacks(it, digest) == []


async def test_indexes_in_indexes_are_not_followed_for_ever(tmp_path: Path) -> None:
    async with rehearsing(tmp_path) as it:
        inner = it.push(None, LARGE)
        body = content.index([inner])
        for _ in range(10):
            digest = it.it.registry.push_manifest("a/b", "v1", body, content.OCI_INDEX)
            await it.it.get("v1")
            assert await it.pull(digest)
            body = content.index([Image(digest, body, content.OCI_INDEX, digest, ())])
        found = await looked(it, digest)
        assert len(found.documents) == 9
        assert found.reasons == []


async def test_the_layers_of_an_old_manifest_count_though_it_says_no_sizes(tmp_path: Path) -> None:
    async with rehearsing(tmp_path) as it:
        layer = it.it.registry.push_blob("a/b", LARGE)
        document = {
            "schemaVersion": 1,
            "name": "a/b",
            "tag": "v1",
            "fsLayers": [{"blobSum": str(layer)}],
            "history": [],
        }
        body = schema1.signed(json.dumps(document, separators=(",", ":")).encode())
        subject = Digest.of(json.dumps(document, separators=(",", ":")).encode())
        it.it.registry.push_manifest("a/b", "v1", body, SCHEMA1_SIGNED, subject)
        assert await it.pull("v1")
        (reason,) = await lacks(it, subject)
        assert (reason.lack, reason.blobs, reason.bytes) == (Lack.BLOBS, 1, 0)
        await pulled_body(await it.it.pull.blobs.find(it.it.pull.target(), layer))
        await until(lambda: len(it.it.pull.fetches) == 0)
        assert await lacks(it, subject) == []


async def test_what_was_read_and_found_to_be_damaged_is_told_as_that(tmp_path: Path) -> None:
    async with rehearsing(tmp_path) as it:
        image = it.push("v1", LARGE, OTHER)
        assert await it.pull("v1")

        async def layer_is(digest: Digest) -> bool:
            return digest == image.layer_digests[1]

        async def manifest_is(digest: Digest) -> bool:
            return digest == image.digest

        (reason,) = (await looked(it, image.digest, damaged=layer_is)).reasons
        assert (reason.lack, reason.blobs, reason.bytes) == (Lack.DAMAGED, 1, len(OTHER))
        (reason,) = (await looked(it, image.digest, damaged=manifest_is)).reasons
        assert (reason.lack, reason.blobs) == (Lack.DAMAGED, 0)
