"""The one place where tasks begin: every task has a name, and an owner that waits for it or cancels it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

_QUICK = 64 * 1024  # bytes that are read, parsed or written in less time than a thread is told to

T = TypeVar("T")


def spawn(coroutine: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
    """Start `coroutine` as a task of the running loop. The caller keeps the task, and awaits or cancels it."""
    return asyncio.get_running_loop().create_task(coroutine, name=name)


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel the tasks and wait until the last of them is over; what they raise meanwhile stays theirs."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def worked(size: int, call: Callable[..., T], *arguments: object) -> T:
    """The result of a call that goes through `size` bytes, or what it raises: made in a thread where that takes long.

    When cancelled, a thread goes on to the call's end, and nobody hears of it.
    """
    if size > _QUICK:
        return await asyncio.to_thread(call, *arguments)
    return call(*arguments)


async def within(event: asyncio.Event, seconds: float) -> bool:
    """Wait for it; whether it is set in time."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


async def outlast(job: asyncio.Future[T]) -> T:
    """The result of `job`, or what it raises. When cancelled, however often, it waits for the job's end, then is.

    For calls in threads: they cannot be called off, and a file must not be closed while one of them writes to it.
    """
    cancelled = None
    while not job.done():
        try:
            await asyncio.wait({job})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not job.cancelled():
            job.exception()  # else the loop would report as forgotten what nobody is there to hear
        raise cancelled
    return job.result()
