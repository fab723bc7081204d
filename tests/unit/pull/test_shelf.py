"""The shelf: what is verified before it is kept, under which name it is found again, and by whom."""

from __future__ import annotations

import errno
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from mirror.errors import Nonsense
from mirror.oci.digest import Digest
from mirror.oci.media_types import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from mirror.pull.content import Manifest
from tests.support.caches import content, path_of, published
from tests.support.documents import IMAGE, INDEX, body
from tests.support.faulty_disk import Fault
from tests.support.shelves import LARGEST, Room, sent, shelved

IMAGE_BODY, INDEX_BODY = body(IMAGE), body(INDEX)
DIGEST = Digest.of(IMAGE_BODY)
VENDOR = "application/vnd.example.signature.v1+json"


@pytest_asyncio.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with shelved(tmp_path) as room:
        yield room


# what is put there


@pytest.mark.parametrize("asked", [DIGEST, None])
@pytest.mark.parametrize("announced", [DIGEST, None])
async def test_what_is_put_is_found_by_its_digest(room: Room, asked: Digest | None, announced: Digest | None) -> None:
    manifest = await room.shelf.put(room.target, sent(IMAGE_BODY, digest=announced), asked)
    assert manifest == Manifest(DIGEST, OCI_MANIFEST, len(IMAGE_BODY), IMAGE_BODY)
    assert room.shelf.recall(room.target, str(DIGEST)) == manifest
    assert await room.shelf.find(room.target, DIGEST) == manifest
    assert await room.shelf.holds(DIGEST)
    assert await content(room.pull.store, DIGEST) == IMAGE_BODY


async def test_nothing_is_found_that_was_not_put(room: Room) -> None:
    assert room.shelf.recall(room.target, str(DIGEST)) is None
    assert await room.shelf.find(room.target, DIGEST) is None
    assert not await room.shelf.holds(DIGEST)
    assert await room.shelf.adopt(room.target, DIGEST, OCI_MANIFEST) is None


async def test_the_disk_remembers_what_memory_has_forgotten(room: Room) -> None:
    manifest = await room.shelf.put(room.target, sent(IMAGE_BODY), None)
    shelf = room.anew()
    assert shelf.recall(room.target, str(DIGEST)) is None
    assert await shelf.find(room.target, DIGEST) == manifest
    assert shelf.recall(room.target, str(DIGEST)) == manifest


@pytest.mark.parametrize("data", [IMAGE_BODY + b" ", INDEX_BODY, b"{}", b""])
async def test_by_digest_the_hash_decides(room: Room, data: bytes) -> None:
    with pytest.raises(Nonsense):
        await room.shelf.put(room.target, sent(data, digest=DIGEST), DIGEST)
    assert not await room.shelf.holds(DIGEST)
    assert published(room.root) == []


async def test_by_digest_a_wrong_announcement_is_nothing_against_the_hash(room: Room) -> None:
    got = sent(IMAGE_BODY, digest=Digest.of(b"another"))
    assert (await room.shelf.put(room.target, got, DIGEST)).digest == DIGEST


async def test_by_tag_the_bytes_must_be_what_was_announced(room: Room) -> None:
    with pytest.raises(Nonsense, match="another manifest"):
        await room.shelf.put(room.target, sent(IMAGE_BODY, digest=Digest.of(b"another")), None)
    assert published(room.root) == []


@pytest.mark.parametrize("asked", [True, False])
async def test_sha512_is_verified_and_kept_as_sha512(room: Room, asked: bool) -> None:
    digest = Digest.of(IMAGE_BODY, "sha512")
    got = sent(IMAGE_BODY, digest=None if asked else digest)
    assert (await room.shelf.put(room.target, got, digest if asked else None)).digest == digest
    assert published(room.root) == [str(digest)]
    with pytest.raises(Nonsense):
        await room.shelf.put(room.target, sent(IMAGE_BODY + b" ", digest=digest), digest)


async def test_the_type_that_came_first_stays(room: Room) -> None:
    await room.shelf.put(room.target, sent(IMAGE_BODY, DOCKER_MANIFEST), DIGEST)
    again = await room.shelf.put(room.target, sent(IMAGE_BODY, OCI_MANIFEST), DIGEST)
    assert again.media_type == DOCKER_MANIFEST
    found = await room.shelf.find(room.target, DIGEST)
    assert found is not None
    assert found.media_type == DOCKER_MANIFEST


# what others have brought


async def test_another_repository_finds_nothing_before_it_adopts(room: Room) -> None:
    manifest = await room.shelf.put(room.target, sent(IMAGE_BODY), DIGEST)
    stranger = room.pull.target("a/stranger")
    assert room.shelf.recall(stranger, str(DIGEST)) is None
    assert await room.shelf.find(stranger, DIGEST) is None
    assert await room.shelf.holds(DIGEST)
    assert await room.shelf.adopt(stranger, DIGEST, OCI_MANIFEST) == manifest
    assert await room.shelf.find(stranger, DIGEST) == manifest


@pytest.mark.parametrize("content_type", [OCI_INDEX, "text/html", VENDOR.replace("json", "xml")])
async def test_what_is_held_is_not_adopted_as_something_else(room: Room, content_type: str) -> None:
    data = body(IMAGE, mediaType=OCI_MANIFEST)
    digest = (await room.shelf.put(room.target, sent(data), None)).digest
    stranger = room.pull.target("a/stranger")
    assert await room.shelf.adopt(stranger, digest, content_type) is None
    assert await room.shelf.find(stranger, digest) is None
    assert await room.shelf.adopt(stranger, digest, None) is not None


async def test_a_blob_becomes_a_manifest_by_the_upstreams_word_alone(room: Room) -> None:
    await room.pull.store.put(DIGEST, IMAGE_BODY)
    assert await room.shelf.find(room.target, DIGEST) is None
    adopted = await room.shelf.adopt(room.target, DIGEST, OCI_MANIFEST)
    assert adopted is not None
    assert adopted.body == IMAGE_BODY


# the disk


async def test_what_the_disk_does_not_keep_is_handed_out_all_the_same(room: Room) -> None:
    await room.pull.store.flush()
    room.disk.arm(0, Fault(errno.ENOSPC, lasting=True))
    manifest = await room.shelf.put(room.target, sent(IMAGE_BODY), DIGEST)
    room.disk.disarm()
    assert manifest.body == IMAGE_BODY
    assert published(room.root) == []
    assert await room.anew().find(room.target, DIGEST) is None  # and is asked for again when it is wanted again


async def test_what_somebody_else_is_storing_is_not_waited_for(room: Room) -> None:
    ingest = await room.pull.store.begin(DIGEST)
    assert (await room.shelf.put(room.target, sent(IMAGE_BODY), DIGEST)).body == IMAGE_BODY
    await room.pull.store.drop(ingest)


async def test_what_was_changed_on_disk_is_not_found(room: Room) -> None:
    await room.shelf.put(room.target, sent(IMAGE_BODY), DIGEST)
    path_of(room.root, DIGEST).write_bytes(IMAGE_BODY[:-1])
    assert await room.anew().find(room.target, DIGEST) is None


@pytest.mark.parametrize(("size", "found"), [(LARGEST, True), (LARGEST + 1, False)])
async def test_nothing_larger_than_a_manifest_may_be_is_read(room: Room, size: int, found: bool) -> None:
    data = json.dumps(IMAGE | {"annotations": {"x": ""}})
    data = data.replace('"x": ""', f'"x": "{"x" * (size - len(data))}"')
    digest = Digest.of(data.encode())
    await room.pull.store.put(digest, data.encode())
    assert await room.shelf.holds(digest) is found
    assert (await room.shelf.adopt(room.target, digest, OCI_MANIFEST) is not None) is found


# what it needs


async def test_what_a_manifest_needs_is_noted_when_it_is_stored_or_first_read_again(room: Room) -> None:
    await room.shelf.put(room.target, sent(IMAGE_BODY), None)
    store = room.pull.store
    needs = await store.images.closure(str(DIGEST))
    assert len(needs) > 1
    await store._databases.on_thread(
        lambda index, _: index.write("DELETE FROM documents WHERE digest = ?", (str(DIGEST),))
    )
    await store._databases.on_thread(lambda index, _: index.write("DELETE FROM needs WHERE parent = ?", (str(DIGEST),)))
    store.images.gone(str(DIGEST))
    assert len(await store.images.closure(str(DIGEST))) == 1
    assert await room.anew().find(room.target, DIGEST) is not None
    assert await store.images.closure(str(DIGEST)) == needs
