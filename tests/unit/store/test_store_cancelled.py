"""Whoever calls the store may be cancelled at any time: no file is closed under a call, and none stays open."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mirror.store.filesystem import Filesystem
from mirror.store.ingest import Ingest
from mirror.store.store import Store
from mirror.tasks import end, spawn
from tests.support.caches import ENDLESS, blob, content, descriptors, published, under_way, without_rounds

DIGEST, DATA = blob(1, 5000)


class SlowDisk(Filesystem):
    """A disk on which a lock, or a write, takes until it is let go of."""

    def __init__(self) -> None:
        self.slow: str | None = None
        self.begun = threading.Event()
        self.may_end = threading.Event()

    def hold(self, call: str) -> None:
        self.slow = call
        self.begun.clear()
        self.may_end.clear()

    async def held(self) -> None:
        """Wait until the call is under way."""
        assert await asyncio.to_thread(self.begun.wait, 10)

    def let_go(self) -> None:
        self.slow = None
        self.may_end.set()

    def lock(self, descriptor: int) -> bool:
        self._wait("lock")
        return super().lock(descriptor)

    def write(self, descriptor: int, data: bytes | memoryview, offset: int) -> None:
        self._wait("write")
        super().write(descriptor, data, offset)

    def publish(self, name: str, parent: int, final: str, final_parent: int) -> bool:
        self._wait("publish")
        return super().publish(name, parent, final, final_parent)

    def _wait(self, call: str) -> None:
        if self.slow == call:
            self.begun.set()
            assert self.may_end.wait(10)


@pytest.fixture
def disk() -> SlowDisk:
    return SlowDisk()


@pytest.fixture
async def store(tmp_path: Path, disk: SlowDisk) -> AsyncIterator[Store]:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    opened = await Store.open(tmp_path, ENDLESS, filesystem=disk)
    await without_rounds(opened)
    before = descriptors(tmp_path)
    yield opened
    assert descriptors(tmp_path) == before
    await opened.aclose()
    assert descriptors(tmp_path) == []
    assert complaints == []


async def _cancel(task: asyncio.Task[Any], times: int) -> None:
    """Cancel a task so often, giving it its turn each time, and see that it is not over yet."""
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert not task.done()


TIMES = pytest.mark.parametrize("times", [1, 3])


@TIMES
async def test_a_cancelled_begin_lets_go_of_what_it_got(store: Store, disk: SlowDisk, times: int) -> None:
    left = await store.begin(DIGEST)
    await store.run(left.append, DATA[:1000])
    await store.leave(left)
    disk.hold("lock")
    beginning = spawn(store.begin(DIGEST), "begin")
    await disk.held()
    await _cancel(beginning, times)
    disk.let_go()
    await asyncio.wait({beginning})
    assert beginning.cancelled()
    again = await store.begin(DIGEST)  # nobody holds it, and what was there still is
    assert again.offset == 1000
    await store.drop(again)


async def test_a_cancelled_begin_that_gets_nothing_raises_nothing_else(store: Store, disk: SlowDisk) -> None:
    held = await store.begin(DIGEST)
    disk.hold("lock")
    beginning = spawn(store.begin(DIGEST), "begin")
    await disk.held()
    await _cancel(beginning, 2)
    disk.let_go()
    await asyncio.wait({beginning})
    assert beginning.cancelled()
    await store.drop(held)


@TIMES
async def test_a_cancelled_write_is_over_before_its_file_is_closed(
    store: Store, disk: SlowDisk, tmp_path: Path, times: int
) -> None:
    ingest = await store.begin(DIGEST)
    foreign = tmp_path / "foreign"

    async def write_and_drop() -> None:
        try:
            await store.run(ingest.append, DATA)
        finally:
            ingest.abort()

    disk.hold("write")
    writing = spawn(write_and_drop(), "write")
    await disk.held()
    await _cancel(writing, times)
    descriptor = os.open(foreign, os.O_RDWR | os.O_CREAT)  # would get the number of a file that was closed too early
    disk.let_go()
    await asyncio.wait({writing})
    os.close(descriptor)
    assert writing.cancelled()
    assert foreign.stat().st_size == 0
    assert under_way(tmp_path) == []
    foreign.unlink()
    await store.drop(ingest)


@TIMES
@pytest.mark.parametrize("call", ["write", "publish"])
async def test_a_cancelled_put_is_done_and_counted(
    store: Store, disk: SlowDisk, tmp_path: Path, call: str, times: int
) -> None:
    disk.hold(call)
    putting = spawn(store.put(DIGEST, DATA), "put")
    await disk.held()
    await _cancel(putting, times)
    disk.let_go()
    await asyncio.wait({putting})
    assert putting.cancelled()
    assert await content(store, DIGEST) == DATA
    assert store.size == len(DATA)
    assert under_way(tmp_path) == []


@TIMES
async def test_a_cancelled_commit_is_done_and_counted(store: Store, disk: SlowDisk, tmp_path: Path, times: int) -> None:
    ingest = await store.begin(DIGEST)
    await store.run(ingest.append, DATA)
    disk.hold("publish")
    committing = spawn(store.commit(ingest), "commit")
    await disk.held()
    await _cancel(committing, times)
    disk.let_go()
    await asyncio.wait({committing})
    assert committing.cancelled()
    assert await content(store, DIGEST) == DATA
    assert store.size == len(DATA)
    assert under_way(tmp_path) == []


async def test_a_cancelled_put_of_the_wrong_bytes_leaves_nothing(store: Store, disk: SlowDisk, tmp_path: Path) -> None:
    disk.hold("write")
    putting = spawn(store.put(DIGEST, b"others"), "put")
    await disk.held()
    await _cancel(putting, 2)
    disk.let_go()
    await asyncio.wait({putting})
    assert putting.cancelled()
    assert published(tmp_path) == under_way(tmp_path) == []


async def test_closing_waits_for_the_calls_that_are_under_way(tmp_path: Path, disk: SlowDisk) -> None:
    store = await Store.open(tmp_path, ENDLESS, filesystem=disk)
    disk.hold("publish")
    putting = spawn(store.put(DIGEST, DATA), "put")
    await disk.held()
    closing = spawn(store.aclose(), "close")
    for _ in range(100):
        await asyncio.sleep(0)
    assert not closing.done()
    disk.let_go()
    await closing
    await end(putting)
    assert published(tmp_path) == [str(DIGEST)]
    assert descriptors(tmp_path) == []


async def test_a_hundred_cancelled_callers_leave_nothing_open(store: Store, tmp_path: Path) -> None:
    async def fetch(number: int) -> None:
        digest, data = blob(number, 5000)
        ingest: Ingest = await store.begin(digest)
        try:
            for start in range(0, len(data), 500):
                await store.run(ingest.append, data[start : start + 500])
        except asyncio.CancelledError:
            await store.leave(ingest)
            raise
        await store.commit(ingest)

    tasks = [spawn(fetch(number), f"fetch {number}") for number in range(100)]
    for number, task in enumerate(tasks):
        for _ in range(number % 7):
            await asyncio.sleep(0)
        task.cancel()
    await asyncio.wait(tasks)
    for number in range(100):
        digest, data = blob(number, 5000)
        assert await content(store, digest) in (None, data)
        await store.drop(await store.begin(digest))
    assert under_way(tmp_path) == []
