"""Catalog and index as a pair: written to in one thread, closed on the threads that opened them."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mirror.errors import StoreFailed
from mirror.store.catalog import Catalog, Key, Note
from mirror.store.databases import LOSSES, Databases
from mirror.store.index import Index
from tests.support.caches import descriptors, full_disk, layout_at

KEY = Key("absent", "u", "r", "t")


@pytest.fixture
async def databases(tmp_path: Path) -> AsyncIterator[Databases]:
    with layout_at(tmp_path) as layout:
        before = descriptors(tmp_path)
        opened = Databases(layout)
        yield opened
        await opened.aclose()
        assert descriptors(tmp_path) == before
    assert sorted(os.listdir(tmp_path / "index")) == ["index.db"]  # the last to close has tidied up
    assert sorted(os.listdir(tmp_path / "catalog")) == ["cache.db"]


def _find(databases: Databases, *digests: str) -> None:
    for digest in digests:
        databases.write_index.submit(lambda index, digest=digest: index.find_blobs([(digest, 1, 0.0)]))  # type: ignore[misc]


async def test_what_is_written_by_one_connection_is_read_by_the_other(databases: Databases) -> None:
    _find(databases, "a", "b")
    databases.write_catalog.submit(lambda catalog: catalog.write(Note(KEY, {"a": 1})))
    await databases.flush()
    assert databases.index.size() == 2
    assert databases.catalog.get(KEY) == {"a": 1}


async def test_a_call_on_the_thread_comes_after_all_that_was_flushed(databases: Databases) -> None:
    def size_and_thread(index: Index, _: Catalog) -> tuple[int, str]:
        return index.size(), threading.current_thread().name

    _find(databases, "a", "b", "c")
    await databases.flush()
    size, thread = await databases.on_thread(size_and_thread)
    assert size == 3
    assert thread.startswith("facts")


async def test_a_call_on_the_thread_comes_after_what_waited_for_more(databases: Databases) -> None:
    _find(databases, "a", "b")
    assert await databases.on_thread(lambda index, _: index.size()) == 2


async def test_what_a_call_on_the_thread_raises_is_raised(databases: Databases) -> None:
    with pytest.raises(LOSSES):
        await databases.on_thread(lambda index, _: index._connection.execute("nonsense"))


async def test_a_database_that_somebody_holds_loses_facts_and_nothing_else(
    databases: Databases, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "index" / "index.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    _find(databases, "a", "b")
    databases.write_catalog.submit(lambda catalog: catalog.write(Note(KEY, {"a": 1})))
    await databases.flush()
    assert databases.lost == 2
    assert databases.catalog.get(KEY) == {"a": 1}
    assert databases.index.size() == 0  # readers are not held up
    other.close()
    _find(databases, "c")
    await databases.flush()
    assert databases.index.size() == 1


async def test_a_catalog_that_somebody_holds_loses_facts_and_nothing_else(databases: Databases, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "catalog" / "cache.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    note = Note(KEY, {"a": 1})
    databases.catalog.note(note)
    databases.write_catalog.submit(lambda catalog: catalog.write(note), lambda: databases.catalog.written(note))
    assert databases.catalog.get(KEY) == {"a": 1}
    await databases.flush()
    assert databases.lost == 1
    assert databases.catalog.get(KEY) is None
    other.close()


async def test_a_full_disk_loses_facts_and_is_got_over(databases: Databases) -> None:
    _find(databases, "before")
    await databases.flush()
    with full_disk(40_000):
        for number in range(100):
            _find(databases, f"{number}" * 100)
            note = Note(Key("absent", "u", "r", f"{number}"), {"a": "x" * 1000})
            databases.write_catalog.submit(lambda catalog, note=note: catalog.write(note))  # type: ignore[misc]
            await databases.flush()
        assert databases.write_index.lost > 0
        assert databases.write_catalog.lost > 0
        assert databases.index.stamp("before") is None
    _find(databases, "after")
    databases.write_catalog.submit(lambda catalog: catalog.write(Note(KEY, {"a": 1})))
    await databases.flush()
    assert {"before", "after"} <= set(databases.index.digests("", 1000))
    assert databases.catalog.get(KEY) == {"a": 1}


@pytest.mark.parametrize("kind", ["catalog", "index"])
async def test_a_database_that_cannot_be_opened_leaves_none_open(tmp_path: Path, kind: str) -> None:
    with layout_at(tmp_path) as layout:
        before = descriptors(tmp_path)
        path = tmp_path / kind / {"catalog": "cache.db", "index": "index.db"}[kind]
        path.mkdir()
        (tmp_path / f"{kind}.broken").symlink_to(tmp_path)  # so that it cannot be set aside
        with pytest.raises(StoreFailed, match=f"the {kind} in"):
            Databases(layout)
        assert descriptors(tmp_path) == before


async def test_a_call_goes_on_when_its_waiter_is_cancelled(databases: Databases) -> None:
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def wait(_: Index, __: Catalog) -> None:
        begun.set()
        assert may_end.wait(10)
        ended.set()

    waiter = asyncio.ensure_future(databases.on_thread(wait))
    await asyncio.to_thread(begun.wait, 10)
    waiter.cancel()
    await asyncio.wait({waiter})
    assert waiter.cancelled()
    may_end.set()
    assert await databases.on_thread(lambda *_: ended.is_set())
