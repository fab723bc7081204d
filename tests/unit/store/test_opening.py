"""A run begins once for all its processes, and ends once."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from mirror.errors import StoreBusy
from mirror.siblings import Alone
from mirror.store import opening
from mirror.store.filesystem import Filesystem
from mirror.store.tenancy import Tenancy
from mirror.tasks import spawn
from tests.support.caches import blob, content, store_at
from tests.support.siblings import Family

FIRST, SECOND = Tenancy(0, 2, begins=True), Tenancy(1, 2, begins=False)


async def test_the_others_wait_until_the_first_lets_them_in(tmp_path: Path) -> None:
    first = await opening.claim(tmp_path, Filesystem(), FIRST)
    waiting = spawn(opening.claim(tmp_path, Filesystem(), SECOND), "second")
    await asyncio.sleep(0)
    assert not waiting.done()
    first.begin("safe")
    first.admit()
    (await waiting).close()
    opening.finish(first, durable=True)


async def test_a_stranger_does_not_wait(tmp_path: Path) -> None:
    first = await opening.claim(tmp_path, Filesystem(), Tenancy.of(Alone()))
    for stranger in (Tenancy(), FIRST):
        with pytest.raises(StoreBusy):
            await opening.claim(tmp_path, Filesystem(), stranger)
    opening.finish(first, durable=None)


@pytest.mark.parametrize("durable", [True, False], ids=["safe", "fast"])
async def test_the_run_ends_tidily_with_its_last_process(tmp_path: Path, durable: bool) -> None:
    family = Family(2)
    async with store_at(tmp_path, durable=durable, siblings=family.members[0]):
        async with store_at(tmp_path, durable=durable, siblings=family.members[1]):
            assert (tmp_path / "running").exists()
        assert (tmp_path / "running").exists()
    assert [name for name in os.listdir(tmp_path) if name.startswith("running")] == []


async def test_what_an_earlier_run_has_left_is_there_for_all(tmp_path: Path) -> None:
    digest, data = blob(1, 3000)
    async with store_at(tmp_path) as before:
        await before.put(digest, data)
    family = Family(2)
    async with (
        store_at(tmp_path, siblings=family.members[0]) as one,
        store_at(tmp_path, siblings=family.members[1]) as two,
    ):
        assert [await content(store, digest) for store in (one, two)] == [data, data]
        assert one.size == two.size == len(data)
