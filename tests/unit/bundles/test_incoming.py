"""Single pieces on their way into a store."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirror.bundles.contents import Piece
from mirror.bundles.incoming import Incoming, is_here
from mirror.errors import Refused, StoreBusy
from mirror.store.store import Store
from tests.support.caches import blob, bytes_under_way, content, store_at, under_way

SIZE = 3 * 1024 * 1024
DIGEST, DATA = blob(1, SIZE)
PIECE = Piece(DIGEST, SIZE)


async def brought(store: Store, data: bytes, *, finish: bool = True) -> Incoming:
    incoming = await Incoming.begin(store, PIECE)
    try:
        for at in range(0, len(data), 300_000):
            await incoming.write(data[at : at + 300_000])
        if finish:
            await incoming.finish()
    finally:
        await incoming.leave()
    return incoming


async def test_what_comes_is_stored(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        incoming = await brought(store, DATA)
        assert (incoming.stored, await content(store, DIGEST)) == (SIZE, DATA)
        assert under_way(tmp_path) == []


async def test_what_is_here_is_not_stored_again(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        await store.put(DIGEST, DATA)
        assert await is_here(store, PIECE)
        incoming = await brought(store, DATA)
        assert (incoming.is_here, incoming.stored) == (True, 0)


async def test_what_broke_off_is_gone_on_with(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        await brought(store, DATA[:2_500_000], finish=False)
        kept = bytes_under_way(tmp_path)
        assert 0 < kept <= 2_500_000
        incoming = await brought(store, DATA)
        assert (incoming.stored, await content(store, DIGEST)) == (SIZE - kept, DATA)


@pytest.mark.parametrize("data", [DATA[:-1] + b"x", b"x" + DATA[1:], DATA[:-1], DATA + b"x"])
async def test_what_is_not_what_its_digest_names_is_refused(tmp_path: Path, data: bytes) -> None:
    async with store_at(tmp_path) as store:
        with pytest.raises(Refused, match="not what its digest names"):
            await brought(store, data)
        assert await content(store, DIGEST) is None


async def test_a_part_that_was_broken_does_not_stay(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        await brought(store, b"x" + DATA[1:2_500_000], finish=False)
        with pytest.raises(Refused, match="import again"):
            await brought(store, DATA)
        await brought(store, DATA)
        assert await content(store, DIGEST) == DATA


async def test_a_part_that_is_longer_than_the_whole_is_begun_anew(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        ingest = await store.begin(DIGEST)
        await store.run(ingest.append, b"x" * (SIZE + 1))
        await store.leave(ingest)
        await brought(store, DATA)
        assert await content(store, DIGEST) == DATA


async def test_another_size_than_it_has_is_refused(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        await store.put(DIGEST, DATA)
        with pytest.raises(Refused, match="another size"):
            await Incoming.begin(store, Piece(DIGEST, SIZE - 1))


async def test_what_somebody_is_just_fetching_is_waited_for(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        fetching = await store.begin(DIGEST)
        with pytest.raises(StoreBusy):
            await store.begin(DIGEST)
        with pytest.raises(Refused, match="being fetched"):
            await Incoming.begin(store, PIECE, patience=0.0)
        await store.run(fetching.append, DATA)
        await store.commit(fetching)
        assert (await Incoming.begin(store, PIECE)).is_here
