"""A start on a disk in trouble: what is stored is served, and the disk is used again once it is well."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mirror.errors import StoreBusy, StoreFailed
from mirror.siblings import Alone
from mirror.store.anyhow import open_anyhow
from mirror.store.filesystem import Filesystem
from mirror.store.freeze import Freeze
from mirror.store.index import Member
from mirror.store.store import Store
from tests.support.caches import ENDLESS, blob, content, store_at
from tests.support.faulty_disk import Fault, FaultyDisk

DIGEST, DATA = blob(1)
PLACE = ("u", "a/b", str(DIGEST))
TROUBLES = [errno.ENOSPC, errno.EROFS, errno.EIO]


def failing(number: int) -> FaultyDisk:
    disk = FaultyDisk()
    disk.arm(0, Fault(number, lasting=True))
    return disk


@asynccontextmanager
async def begun(root: Path, disk: Filesystem) -> AsyncIterator[Store]:
    store = await open_anyhow(root, ENDLESS, True, Alone(), disk)
    try:
        yield store
    finally:
        await store.aclose()


async def filled(root: Path) -> None:
    async with store_at(root) as store:
        await store.put(DIGEST, DATA)
        store.facts.prove(Member(*PLACE, "text/plain"))
        await store.images.pin(str(DIGEST))


async def taken_up(store: Store) -> None:
    async with asyncio.timeout(120):
        while store.is_sheltered:  # noqa: ASYNC110 - time has to pass
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("number", TROUBLES)
async def test_what_is_stored_is_served_with_all_that_is_known_of_it(tmp_path: Path, number: int) -> None:
    await filled(tmp_path)
    disk = failing(number)
    async with begun(tmp_path, disk) as store:
        assert disk.fired
        assert store.is_sheltered
        assert await content(store, DIGEST) == DATA
        assert store.facts.member(*PLACE) is not None
        assert await store.images.pins() == [str(DIGEST)]
        with pytest.raises(StoreFailed):
            await store.put(*blob(2))


async def test_nothing_passes_for_noted_that_would_not_last(tmp_path: Path) -> None:
    await filled(tmp_path)
    async with begun(tmp_path, failing(errno.EROFS)) as store:
        with pytest.raises(StoreFailed, match="nothing was changed"):
            await store.images.pin("u/*")
        with pytest.raises(StoreFailed, match="nothing was changed"):
            await store.images.unpin(str(DIGEST))
        with pytest.raises(StoreFailed, match="a restart may forget it"):
            await store.facts.kept()
    async with store_at(tmp_path) as store:
        assert await store.images.pins() == [str(DIGEST)]


@pytest.mark.parametrize("is_filled", [True, False])
async def test_a_disk_that_is_well_again_is_used_without_a_restart(tmp_path: Path, is_filled: bool) -> None:
    root = tmp_path / "cache"
    if is_filled:
        await filled(root)
    disk = failing(errno.ENOSPC)
    async with begun(root, disk) as store:
        disk.disarm()
        await taken_up(store)
        await store.put(*blob(2))
        store.facts.prove(Member("u", "a/b", str(blob(2)[0]), "text/plain"))
        await store.facts.kept()
        await store.images.pin("u/*")
        assert (await content(store, DIGEST) == DATA) == is_filled
    async with store_at(root) as store:
        assert await content(store, blob(2)[0]) == blob(2)[1]
        assert store.facts.member("u", "a/b", str(blob(2)[0])) is not None
        assert (store.facts.member(*PLACE) is not None) == is_filled
        assert "u/*" in await store.images.pins()


async def test_a_freeze_outlives_a_start_at_which_nothing_can_be_read(tmp_path: Path) -> None:
    await filled(tmp_path)
    freeze = Freeze(5.0, "the line is down")
    async with store_at(tmp_path) as store:
        await store.run(store.freeze_note.write, freeze)
    (tmp_path / "index" / "index.db").write_bytes(b"garbage" * 1000)
    async with begun(tmp_path, failing(errno.EROFS)) as store:
        assert await store.run(store.freeze_note.read) == freeze


async def test_what_an_operator_has_to_mend_stops_it(tmp_path: Path) -> None:
    with pytest.raises(StoreFailed, match="Permission denied"):
        await open_anyhow(tmp_path / "cache", ENDLESS, True, Alone(), failing(errno.EACCES))
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "letter").write_text("dear")
    with pytest.raises(StoreFailed, match="not a cache of this program"):
        await open_anyhow(tmp_path / "foreign", ENDLESS, True, Alone(), failing(errno.EROFS))
    (tmp_path / "newer").mkdir()
    (tmp_path / "newer" / "version").write_text("2\n")
    with pytest.raises(StoreFailed, match="this version cannot read"):
        await open_anyhow(tmp_path / "newer", ENDLESS, True, Alone(), failing(errno.EROFS))


async def test_a_directory_in_use_is_left_to_who_has_it(tmp_path: Path) -> None:
    async with store_at(tmp_path):
        with pytest.raises(StoreBusy):
            await open_anyhow(tmp_path, ENDLESS, True, Alone(), failing(errno.EROFS))


async def test_on_a_disk_that_is_well_it_is_opened_as_ever(tmp_path: Path) -> None:
    async with begun(tmp_path, Filesystem()) as store:
        assert not store.is_sheltered
        await store.put(DIGEST, DATA)
    async with store_at(tmp_path) as store:
        assert await content(store, DIGEST) == DATA
