"""What blocks runs beside the loop, and what takes long beside what does not."""

from __future__ import annotations

import asyncio
import threading

import pytest

from mirror.errors import StoreFailed
from mirror.store.threads import Threads
from mirror.tasks import end, spawn


def _failing() -> None:
    raise StoreFailed("no")


async def test_what_takes_long_keeps_nothing_waiting_that_does_not() -> None:
    threads, go = Threads(lambda _: None), threading.Event()
    slow = [threads.begin_slowly(go.wait, 10) for _ in range(20)]
    assert await threads.run(lambda: "quick") == "quick"
    assert not any(job.done() for job in slow)
    go.set()
    assert await asyncio.gather(*slow) == [True] * 20
    threads.close()


async def test_whoever_is_cancelled_waits_for_the_end_of_the_call() -> None:
    threads, go, ended = Threads(lambda _: None), threading.Event(), threading.Event()

    def call() -> None:
        go.wait(10)
        ended.set()

    for run in (threads.run, threads.run_slowly):
        go.clear()
        ended.clear()
        waiting = spawn(run(call), "waiting")
        await asyncio.sleep(0)
        ending = spawn(end(waiting), "ending")
        await asyncio.sleep(0)
        assert not ending.done()
        go.set()
        await ending
        assert waiting.cancelled()
        assert ended.is_set()
    threads.close()


async def test_each_call_that_is_over_is_looked_at() -> None:
    seen: list[BaseException | None] = []
    threads = Threads(lambda done: seen.append(done.exception()))
    await threads.run(int)
    with pytest.raises(StoreFailed):
        await threads.run_slowly(_failing)
    assert [type(one) for one in seen] == [type(None), StoreFailed]
    threads.close()
