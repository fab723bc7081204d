"""What the shelf takes for a manifest: nothing that may mean two things, and what it cannot read only by its digest."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from mirror.errors import Nonsense
from mirror.oci.digest import Digest
from mirror.oci.media_types import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, SCHEMA1_SIGNED
from mirror.pull.content import Manifest
from tests.support import schema1
from tests.support.caches import published
from tests.support.documents import IMAGE, INDEX, body
from tests.support.shelves import Room, sent, shelved

VENDOR = "application/vnd.example.signature.v1+json"
AMBIGUOUS = {
    "page": (b"<html></html>", "text/html"),
    "page called manifest": (b"<html></html>", OCI_MANIFEST),
    "manifest called page": (body(IMAGE), "text/html"),
    "two kinds": (body(IMAGE | INDEX), OCI_MANIFEST),
    "two kinds of a vendor": (body(IMAGE | INDEX), VENDOR),
    "two types": (body(IMAGE, mediaType=DOCKER_MANIFEST), OCI_MANIFEST),
    "a vendor's type called ours": (body(IMAGE, mediaType=VENDOR), OCI_MANIFEST),
    "two spellings": (body(IMAGE, Layers=[]), OCI_MANIFEST),
    "twice": (body(IMAGE)[:-1] + b',"config":{}}', OCI_MANIFEST),
}
UNREADABLE = {
    "a vendor's": (b'{"anything":["goes"]}', VENDOR),
    "that says so": (body({"mediaType": VENDOR}), VENDOR),
    "that alone says so": (body({"mediaType": VENDOR}), None),
    "odd layers": (body(IMAGE, layers=[{"digest": "sha256:zz"}]), OCI_MANIFEST),
    "odd manifests": (body(INDEX, manifests="none"), OCI_INDEX),
    "odd version": (body(IMAGE, schemaVersion=3), OCI_MANIFEST),
}


@pytest_asyncio.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with shelved(tmp_path) as room:
        yield room


@pytest.mark.parametrize(("data", "content_type"), AMBIGUOUS.values(), ids=AMBIGUOUS)
@pytest.mark.parametrize("by_digest", [True, False])
async def test_what_may_mean_two_things_is_kept_by_nobody(
    room: Room, data: bytes, content_type: str, by_digest: bool
) -> None:
    digest = Digest.of(data)
    with pytest.raises(Nonsense):
        await room.shelf.put(room.target, sent(data, content_type, digest), digest if by_digest else None)
    assert published(room.root) == []


@pytest.mark.parametrize(("data", "content_type"), UNREADABLE.values(), ids=UNREADABLE)
async def test_what_cannot_be_read_is_taken_on_the_word_of_a_digest_alone(
    room: Room, data: bytes, content_type: str | None
) -> None:
    digest = Digest.of(data)
    with pytest.raises(Nonsense, match="no digest"):
        await room.shelf.put(room.target, sent(data, content_type), None)
    assert published(room.root) == []
    by_tag = await room.shelf.put(room.target, sent(data, content_type, digest), None)
    assert (by_tag.body, by_tag.media_type) == (data, content_type or VENDOR)
    assert await room.shelf.put(room.target, sent(data, content_type), digest) == by_tag
    assert await room.anew().find(room.target, digest) == by_tag


# schema 1: the digest is of what was signed


@pytest.mark.parametrize("asked", [schema1.DIGEST, None])
async def test_schema_1_is_kept_byte_for_byte_and_found_by_the_digest_of_what_was_signed(
    room: Room, asked: Digest | None
) -> None:
    got = sent(schema1.SIGNED, SCHEMA1_SIGNED, schema1.DIGEST)
    manifest = await room.shelf.put(room.target, got, asked)
    assert manifest == Manifest(schema1.DIGEST, SCHEMA1_SIGNED, len(schema1.SIGNED), schema1.SIGNED)
    assert room.shelf.recall(room.target, str(schema1.DIGEST)) == manifest
    assert await room.anew().find(room.target, schema1.DIGEST) == manifest
    assert published(room.root) == [str(Digest.of(schema1.SIGNED))]


@pytest.mark.parametrize(
    "data",
    [
        schema1.signed(schema1.PAYLOAD.replace(b'"old"', b'"new"')),
        schema1.SIGNED.replace(b'"old"', b'"new"'),
        schema1.SIGNED.replace(b'"fsLayers":[]', b'"fsLayers":[{}]'),
        schema1.SIGNED[:-1] + b',"more":1}',
    ],
    ids=["another one", "changed", "changed within", "something behind the signatures"],
)
async def test_schema_1_that_was_changed_is_refused(room: Room, data: bytes) -> None:
    with pytest.raises(Nonsense):
        await room.shelf.put(room.target, sent(data, SCHEMA1_SIGNED, schema1.DIGEST), schema1.DIGEST)
    assert published(room.root) == []
