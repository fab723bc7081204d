"""Bundles taken into a store: all of it or nothing, from whoever sends it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mirror.bundles.contents import Piece
from mirror.bundles.gathering import Terms
from mirror.bundles.layout import Plan
from mirror.bundles.receiving import Receiving
from mirror.bundles.seal import seal
from mirror.bundles.tar_format import END, header, padding
from mirror.bundles.writing import archive_of
from mirror.errors import Code, Refused
from mirror.oci.digest import Digest
from mirror.store.catalog import Key
from mirror.store.store import Store
from tests.support.bundles import HUB, Kept, contents_of, files_of, in_pieces, named, packed, taken
from tests.support.caches import bytes_under_way, content, published, room_of, store_at, under_way
from tests.support.tiers import count

TAG = Key("tag", HUB, "library/app", "1")
LARGE = b"large " * 500_000


def one(kept: Kept, *layers: bytes) -> bytes:
    """A bundle of one image."""
    return packed(kept, named("library/app", kept.image(*layers or (b"layer",)).digest))


def tarred(files: dict[str, bytes]) -> bytes:
    """As a bundle is packed, whatever is in it."""
    parts = (header(path, len(data)) + data + bytes(padding(len(data))) for path, data in files.items())
    return b"".join(parts) + END


async def says_nothing(store: Store) -> bool:
    return store.facts.tag(TAG) is None and store.facts.repositories(HUB, "", 10) == []


async def test_everything_that_was_sent_is_there(tmp_path: Path) -> None:
    kept = Kept()
    bundle = one(kept, b"layer", LARGE)
    async with store_at(tmp_path) as store:
        received = await taken(store, bundle)
        assert received.images == ("docker.io/library/app:1",)
        assert (received.blobs, received.skipped) == (4, 0)
        assert received.bytes == sum(map(len, kept.held.values()))
        for digest, data in kept.held.items():
            assert await content(store, digest) == data
        assert store.facts.tag(TAG) is not None


async def test_what_is_here_is_skipped(tmp_path: Path) -> None:
    kept = Kept()
    bundle = one(kept)
    async with store_at(tmp_path) as store:
        await taken(store, bundle)
        again = await taken(store, bundle)
        assert (again.blobs, again.bytes, again.skipped) == (0, 0, 3)


async def test_sha512_and_nested_indexes_are_taken(tmp_path: Path) -> None:
    kept = Kept()
    first, second = kept.image(b"first"), kept.image(b"second")
    entries = [
        {"mediaType": first.media_type, "digest": str(one.digest), "size": len(one.manifest_body)}
        for one in (first, second)
    ]
    inner = kept.put(json.dumps({"schemaVersion": 2, "manifests": entries}).encode(), "sha512")
    entry = {
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "digest": str(inner),
        "size": len(kept.held[inner]),
    }
    outer = kept.put(json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode())
    async with store_at(tmp_path) as store:
        await taken(store, packed(kept, named("library/app", outer)))
        for digest in kept.held:
            assert await content(store, digest) == kept.held[digest]
            assert store.facts.member(HUB, "library/app", str(digest)) is not None


async def test_no_byte_of_a_bundle_can_be_another(tmp_path: Path) -> None:
    kept = Kept()
    bundle = one(kept, b"x" * 100)
    refused = 0
    async with store_at(tmp_path, durable=False) as store:
        for number, position in enumerate(range(0, len(bundle), count(37, 1))):
            changed = bytearray(bundle)
            changed[position] ^= 1 << number % 8
            try:
                received = await taken(store, bytes(changed))
            except Refused:
                refused += 1
                assert store.facts.tag(TAG) is None
            else:  # white space in place of a checksum's first zero, which says nothing
                assert (received.blobs, 148 <= position % 512 < 156) == (3, True)
            store.facts.forget_tag(TAG)
            for digest in kept.held:
                await store.blobs.delete(digest)
    assert refused > 100


@pytest.mark.parametrize("end", [0, 1000, 5000, -2000, -1030])
async def test_what_ends_too_soon_says_nothing(tmp_path: Path, end: int) -> None:
    bundle = one(Kept(), LARGE)
    async with store_at(tmp_path) as store:
        with pytest.raises(Refused):
            await taken(store, bundle[:end])
        assert await says_nothing(store)


async def test_an_import_that_broke_off_is_gone_on_with(tmp_path: Path) -> None:
    kept = Kept()
    bundle = one(kept, b"small", LARGE)

    async def breaking() -> AsyncIterator[bytes]:
        async for piece in in_pieces(bundle[:-800_000], 100_000):
            yield piece
        raise ConnectionResetError("the client is gone")

    async with store_at(tmp_path) as store:
        with pytest.raises(ConnectionResetError):
            await Receiving(store).take(breaking())
        assert await says_nothing(store)
        before = bytes_under_way(tmp_path) + sum(map(len, [data for data in kept.held.values() if len(data) < 10_000]))
        assert bytes_under_way(tmp_path) > 0
    async with store_at(tmp_path) as store:  # even by another process
        received = await taken(store, bundle)
        assert received.bytes <= sum(map(len, kept.held.values())) - bytes_under_way(tmp_path)
        assert received.bytes < sum(map(len, kept.held.values())) - before + 10_000
        assert await content(store, Digest.of(LARGE)) == LARGE
        assert under_way(tmp_path) == []


async def test_cancelling_leaves_what_has_come(tmp_path: Path) -> None:
    bundle = one(Kept(), LARGE)
    reached = asyncio.Event()

    async def stopping() -> AsyncIterator[bytes]:
        yield bundle[:2_500_000]
        reached.set()
        await asyncio.Event().wait()

    async with store_at(tmp_path) as store:
        async with asyncio.TaskGroup() as tasks:
            taking = tasks.create_task(Receiving(store).take(stopping()))
            await reached.wait()
            taking.cancel()
        assert bytes_under_way(tmp_path) > 0
        assert await says_nothing(store)
        await taken(store, bundle)


async def test_a_delta_is_taken_by_who_has_the_rest(tmp_path: Path) -> None:
    kept = Kept()
    old, new = kept.image(b"base", b"old"), kept.image(b"base", b"new")
    first = packed(kept, named("library/app", old.digest))
    has = frozenset({*map(Digest.parse, map(str, (old.digest, old.config_digest, *old.layer_digests)))})
    delta = packed(kept, named("library/app", new.digest), named("a/b", old.digest), terms=Terms(has=has))
    async with store_at(tmp_path / "a") as store:
        await taken(store, first)
        received = await taken(store, delta)
        assert (received.blobs, received.skipped, received.moved) == (3, 4, 1)
        assert (await taken(store, delta)).moved == 0
        record = store.facts.tag(TAG)
        assert record is not None
        assert record.digest == str(new.digest)
        assert store.facts.member(HUB, "a/b", str(old.config_digest)) is not None
    async with store_at(tmp_path / "b") as store:
        with pytest.raises(Refused, match="make a new inventory"):
            await taken(store, delta)
        assert await says_nothing(store)


async def test_a_delta_without_a_blob_that_is_not_here_either_is_refused(tmp_path: Path) -> None:
    kept = Kept()
    image = kept.image(b"base", b"new")
    delta = packed(kept, named("library/app", image.digest), terms=Terms(has=frozenset({Digest.of(b"base")})))
    async with store_at(tmp_path) as store:
        with pytest.raises(Refused, match=str(Digest.of(b"base"))) as refusal:
            await taken(store, delta)
        assert refusal.value.code is Code.BAD_REQUEST
        assert await says_nothing(store)


async def test_what_is_larger_than_the_cache_may_be_is_refused_before_it_comes(tmp_path: Path) -> None:
    async with store_at(tmp_path, room=room_of(1_000_000)) as store:
        with pytest.raises(Refused, match=r"storage\.max_size") as refusal:
            await taken(store, one(Kept(), LARGE))
        assert refusal.value.code is Code.STORAGE
        assert published(tmp_path) == []


async def test_room_is_made_for_what_comes_and_not_by_what_came_with_it(tmp_path: Path) -> None:
    """The images of the bundle are kept for each other, although all of their blobs are new to the cache."""
    older, kept = Kept(), Kept()
    layers = [bytes([number]) * 200_000 for number in range(8)]
    async with store_at(tmp_path, room=room_of(2_000_000)) as store:
        await taken(store, one(older, *(bytes([200 + number]) * 200_000 for number in range(7))))
        await taken(store, packed(kept, named("library/app", kept.image(*layers).digest)))
        await store.evict()
        for digest, data in kept.held.items():
            assert await content(store, digest) == data
        assert store.size <= 2_000_000


def shuffled(files: dict[str, bytes]) -> dict[str, bytes]:
    return dict(sorted(files.items()))


def with_another(files: dict[str, bytes]) -> dict[str, bytes]:
    return {**files, "blobs/sha256/" + "0" * 64: b"x"}


def without_one(files: dict[str, bytes]) -> dict[str, bytes]:
    return dict([*files.items()][:-1])


def with_other_index(files: dict[str, bytes]) -> dict[str, bytes]:
    return {**files, "index.json": b'{"schemaVersion":2,"manifests":[]}'}


def leading_away(files: dict[str, bytes]) -> dict[str, bytes]:
    items = [*files.items()]
    return dict([*items[:4], ("blobs/sha256/../../../x", b"x"), *items[4:]])


def with_another_mark(files: dict[str, bytes]) -> dict[str, bytes]:
    return {**files, "oci-layout": bytes(len(files["oci-layout"]))}


def with_a_long_seal(files: dict[str, bytes]) -> dict[str, bytes]:
    return {**files, "contents.seal": bytes(513)}


def of_a_heading_alone(files: dict[str, bytes]) -> dict[str, bytes]:
    return dict([*files.items()][:4])


def of_half_a_heading(files: dict[str, bytes]) -> dict[str, bytes]:
    return dict([*files.items()][:2])


NO_BUNDLE = "it does not begin as a bundle of `mirror export` does"
OTHERS = "its files are not those that its contents tell of, in their order"
CHANGES: list[tuple[Callable[[dict[str, bytes]], dict[str, bytes]], str]] = [
    (shuffled, NO_BUNDLE),
    (with_a_long_seal, NO_BUNDLE),
    (with_other_index, "its index is not that of its contents"),
    (with_another_mark, "its index is not that of its contents"),
    (with_another, OTHERS),
    (leading_away, OTHERS),
    (without_one, "it ends too soon"),
    (of_a_heading_alone, "it ends too soon"),
    (of_half_a_heading, "it ends too soon"),
]


@pytest.mark.parametrize(("change", "words"), CHANGES)
async def test_what_is_not_as_its_contents_say_is_refused(
    tmp_path: Path, change: Callable[[dict[str, bytes]], dict[str, bytes]], words: str
) -> None:
    bundle = tarred(change(files_of(one(Kept()))))
    async with store_at(tmp_path / "cache") as store:
        with pytest.raises(Refused, match=f"the bundle cannot be read: {words}") as refusal:
            await taken(store, bundle)
        assert refusal.value.code is Code.BAD_REQUEST
        assert await says_nothing(store)
    assert os.listdir(tmp_path) == ["cache"]


async def test_links_and_directories_have_no_place_in_it(tmp_path: Path) -> None:
    link = bytearray(header("oci-layout", 0))
    link[156:157] = b"2"
    link[148:156] = b" " * 8
    link[148:156] = b"%06o\0 " % sum(link)
    async with store_at(tmp_path) as store:
        with pytest.raises(Refused, match="more than files"):
            await taken(store, bytes(link) + END)


@pytest.mark.parametrize("size", [1, 10_000_000_000])
async def test_a_size_that_is_not_so_is_refused(tmp_path: Path, size: int) -> None:
    kept = Kept()
    contents = contents_of(kept, [named("library/app", kept.image(b"layer").digest)])
    pieces = tuple(
        replace(piece, size=size) if piece.digest == Digest.of(b"layer") else piece for piece in contents.pieces
    )
    encoded = replace(contents, pieces=pieces).encode()
    files = files_of(b"".join(archive_of(Plan(contents), kept)))
    files |= {"contents.json": encoded, "contents.seal": seal(encoded, None)}
    async with store_at(tmp_path) as store:
        with pytest.raises(Refused, match="its files are not those"):
            await taken(store, tarred(files))
        assert await says_nothing(store)


async def test_a_manifest_that_is_none_is_refused(tmp_path: Path) -> None:
    kept = Kept()
    contents = contents_of(kept, [named("library/app", kept.image(b"layer").digest)])
    rubbish = Piece(kept.put(b"[]"), 2, "application/vnd.oci.image.manifest.v1+json")
    more = replace(contents, pieces=(rubbish, *contents.pieces))
    async with store_at(tmp_path) as store:
        with pytest.raises(Refused, match="or none"):
            await taken(store, b"".join(archive_of(Plan(more), kept)))
        assert await says_nothing(store)
