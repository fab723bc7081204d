"""Tasks have names and owners; calls in threads are waited for."""

from __future__ import annotations

import asyncio
import threading

import pytest

from mirror.tasks import end, outlast, spawn, within, worked


async def test_a_task_has_the_name_it_was_given() -> None:
    async def named() -> str:
        task = asyncio.current_task()
        return "" if task is None else task.get_name()

    assert await spawn(named(), "the name") == "the name"


async def test_end_waits_for_the_last_of_the_tasks() -> None:
    ended: list[str] = []

    async def linger(name: str, steps: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(steps):
                await asyncio.sleep(0)
            ended.append(name)

    tasks = [spawn(linger("slow", 10), "slow"), spawn(linger("quick", 0), "quick")]
    await asyncio.sleep(0)
    await end(*tasks)
    assert ended == ["quick", "slow"]
    assert all(task.cancelled() for task in tasks)


async def test_end_leaves_what_a_task_raises_with_the_task() -> None:
    async def fail() -> None:
        raise ValueError

    failed = spawn(fail(), "fail")
    await asyncio.wait({failed})
    await end(failed)
    assert isinstance(failed.exception(), ValueError)


async def test_what_is_waited_for_happens_in_time_or_does_not() -> None:
    event = asyncio.Event()
    assert not await within(event, 0.001)
    waiting = spawn(within(event, 60), "waiting")
    await asyncio.sleep(0)
    event.set()
    assert await waiting


async def test_end_of_nothing_is_harmless() -> None:
    await end()


class Call:
    """A blocking call that ends when it is told to."""

    def __init__(self, outcome: str | Exception) -> None:
        self.outcome = outcome
        self.may_end = threading.Event()

    def __call__(self) -> str:
        assert self.may_end.wait(10)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


async def test_outlast_gives_the_result() -> None:
    call = Call("result")
    call.may_end.set()
    assert await outlast(asyncio.get_running_loop().run_in_executor(None, call)) == "result"


async def test_outlast_raises_what_the_call_raises() -> None:
    call = Call(ValueError("from the thread"))
    call.may_end.set()
    with pytest.raises(ValueError, match="from the thread"):
        await outlast(asyncio.get_running_loop().run_in_executor(None, call))


@pytest.mark.parametrize("outcome", ["result", ValueError()], ids=["success", "failure"])
async def test_cancelled_twice_it_still_waits_for_the_call_and_then_is_cancelled(outcome: str | Exception) -> None:
    loop = asyncio.get_running_loop()
    complaints: list[object] = []
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    call = Call(outcome)
    job = loop.run_in_executor(None, call)
    waiter = spawn(outlast(job), "waiter")
    for _ in range(2):
        await asyncio.sleep(0)
        waiter.cancel()
        await asyncio.sleep(0)
    assert not waiter.done()
    call.may_end.set()
    await asyncio.wait({waiter})
    assert waiter.cancelled()
    assert job.done()
    del job, waiter
    assert complaints == []  # nor is the failure reported as one that nobody asked for


async def test_what_is_quickly_gone_through_takes_no_thread() -> None:
    here = threading.get_ident()
    assert await worked(64 * 1024, threading.get_ident) == here
    assert await worked(64 * 1024 + 1, threading.get_ident) != here


@pytest.mark.parametrize("size", [0, 1024 * 1024])
async def test_what_the_call_raises_is_heard_wherever_it_was_made(size: int) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        await worked(size, int, "x")
