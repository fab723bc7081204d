"""Bundles taken into a cache that is nearly full: what goes for them, and what is told of it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from mirror.bundles.gathering import Terms
from mirror.errors import Code, Refused
from mirror.oci.digest import Digest
from mirror.store.catalog import Key
from mirror.store.store import Store
from tests.support import content as images
from tests.support.bundles import HUB, Kept, named, packed, taken
from tests.support.caches import content, room_of, store_at

ROOM = room_of(2_000_000)
DAY = 86400.0


def layers(first: int, many: int) -> list[bytes]:
    return [bytes([number]) * 200_000 for number in range(first, first + many)]


async def are_here(store: Store, kept: Kept) -> bool:
    return all([await content(store, digest) == data for digest, data in kept.held.items()])


async def with_an_image(store: Store, *parts: bytes) -> images.Image:
    kept = Kept()
    image = kept.image(*parts)
    await taken(store, packed(kept, named("library/old", image.digest)))
    return image


async def test_what_is_pulled_daily_goes_before_what_is_just_coming(tmp_path: Path) -> None:
    kept = Kept()
    coming = [named(f"library/new{number}", kept.image(*layers(10 * number, 4)).digest) for number in range(2)]
    async with store_at(tmp_path, room=ROOM) as store:
        old = await with_an_image(store, *layers(100, 4))
        for day in range(1, 30):
            store.images.pulled((HUB, "library/old", str(old.digest)), time.time() + day * DAY)
            store.images.note_pulls()
        received = await taken(store, packed(kept, *coming))
        assert await are_here(store, kept)
        assert received.evicted >= 800_000  # and that is told
        assert await content(store, old.digest) is None


async def test_what_came_goes_like_everything_else_once_it_is_there(tmp_path: Path) -> None:
    async with store_at(tmp_path, room=ROOM) as store:
        old = await with_an_image(store, *layers(100, 7))
        kept = Kept()
        new = named("library/new", kept.image(*layers(0, 7)).digest)
        received = await taken(store, packed(kept, new))
        assert received.evicted >= 1_400_000
        assert await content(store, old.digest) is None
        assert str(new.digest) not in store.removal.readers


async def test_where_what_is_here_may_not_go_the_rest_is_refused(tmp_path: Path) -> None:
    kept = Kept()
    new = named("library/new", kept.image(*layers(0, 5)).digest)
    bundle = packed(kept, new)
    async with store_at(tmp_path, room=ROOM) as store:
        await with_an_image(store, *layers(100, 7))
        await store.images.pin("docker.io/library/old")
        with pytest.raises(Refused, match="pinned, in use, or of the bundle") as refusal:
            await taken(store, bundle)
        assert refusal.value.code is Code.STORAGE
        assert store.size <= 2_000_000
        assert store.facts.tag(Key("tag", HUB, "library/new", "1")) is None
        assert str(new.digest) not in store.removal.readers
        await store.images.unpin("docker.io/library/old")
        received = await taken(store, bundle)
        assert received.skipped > 1  # what had come was not needed again
        assert await are_here(store, kept)


async def test_a_delta_with_what_it_leaves_out_may_be_too_large(tmp_path: Path) -> None:
    kept = Kept()
    parts = layers(0, 11)
    image = kept.image(*parts)
    has = frozenset(map(Digest.of, parts[:7]))
    delta = packed(kept, named("library/new", image.digest), terms=Terms(has=has))
    async with store_at(tmp_path, room=ROOM) as store:
        await with_an_image(store, *parts[:7])
        with pytest.raises(Refused, match=r"storage\.max_size"):
            await taken(store, delta)
        assert store.evicted == 0


async def test_what_is_cut_in_the_midst_of_a_blob_is_said_to_be_and_gone_on_with(tmp_path: Path) -> None:
    kept = Kept()
    bundle = packed(kept, named("library/new", kept.image(b"x" * 5_000_000).digest))
    async with store_at(tmp_path) as store:
        with pytest.raises(Refused, match="it ends too soon: have it carried again"):
            await taken(store, bundle[:4_000_000])
        received = await taken(store, bundle)
        assert 0 < received.bytes < 2_100_000
        assert await are_here(store, kept)
