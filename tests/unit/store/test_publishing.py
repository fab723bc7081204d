"""Content becomes visible, trusted and counted, and others are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirror.errors import DigestMismatch
from mirror.store.publishing import store_whole
from tests.support.caches import blob, layout_at, published, under_way
from tests.support.faulty_disk import FaultyDisk
from tests.support.siblings import stores

DIGEST, DATA = blob(1, 5000)


def test_a_small_blob_is_stored_in_one_go(tmp_path: Path) -> None:
    with layout_at(tmp_path) as layout:
        stamp = store_whole(layout, DIGEST, DATA, durable=True)
        assert stamp is not None
        assert stamp.size == len(DATA)
        assert store_whole(layout, DIGEST, DATA, durable=True) is None  # S3
        with pytest.raises(DigestMismatch):
            store_whole(layout, blob(2)[0], DATA, durable=True)
    assert published(tmp_path) == [str(DIGEST)]
    assert under_way(tmp_path) == []


@pytest.mark.parametrize(("durable", "syncs"), [(True, 2), (False, 0)])
def test_a_small_blob_is_as_durable_as_it_is_asked_to_be(tmp_path: Path, durable: bool, syncs: int) -> None:
    disk = FaultyDisk()
    with layout_at(tmp_path, disk) as layout:
        disk.disarm()  # begins a new trace
        store_whole(layout, DIGEST, DATA, durable)
        assert disk.calls.count("sync") == syncs


async def test_what_is_published_is_told_once(tmp_path: Path) -> None:
    async with stores(tmp_path, 2) as (family, (one, two)):
        await one.put(DIGEST, DATA)
        await one.put(DIGEST, DATA)
        told = [word for word in family.told if word[1] == "stored"]
        assert [(number, digest, size) for number, _, digest, size, *_ in told] == [(0, str(DIGEST), len(DATA))]
        assert one.size == two.size == len(DATA)
