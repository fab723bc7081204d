"""The request's id follows the work that it began, and no other."""

from __future__ import annotations

import asyncio

import pytest

from mirror.log import tracing
from mirror.tasks import end, spawn


async def test_work_that_nobody_asked_for_has_no_id() -> None:
    assert tracing.current() is None


async def test_a_task_keeps_the_id_of_the_request_that_began_it() -> None:
    begun, asked = asyncio.Event(), asyncio.Event()

    async def work() -> str | None:
        begun.set()
        await asked.wait()
        return tracing.current()

    with tracing.entered("a-1"):
        task = spawn(work(), "work")
    await begun.wait()
    with tracing.entered("a-2"):
        assert tracing.current() == "a-2"
        asked.set()
        assert await task == "a-1"
    await end(task)
    assert tracing.current() is None


async def test_requests_side_by_side_do_not_mix() -> None:
    both = asyncio.Barrier(2)

    async def request(name: str) -> str | None:
        with tracing.entered(name):
            await both.wait()
            return tracing.current()

    assert list(await asyncio.gather(request("a"), request("b"))) == ["a", "b"]


async def test_work_that_is_done_ahead_is_known_as_such_and_by_the_request_it_is_ahead_of() -> None:
    async def work() -> tuple[str | None, bool]:
        return tracing.current(), tracing.is_ahead()

    with tracing.entered("a-1"):
        with tracing.ahead("a-2"):
            ahead = spawn(work(), "ahead")
        with tracing.ahead(None):
            assert tracing.current() is None
        asked = spawn(work(), "asked")
    assert await ahead == ("a-2", True)
    assert await asked == ("a-1", False)


async def test_a_request_that_fails_takes_its_id_along() -> None:
    with pytest.raises(OSError, match="gone"), tracing.entered("a-1"):
        raise OSError("gone")
    assert tracing.current() is None
