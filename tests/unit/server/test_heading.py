"""A request's head while it comes: for so long, and so large."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from mirror.server.heading import LARGEST, Heading, is_too_long
from tests.support.answering import request_of


async def test_a_head_that_takes_too_long_is_late() -> None:
    late = asyncio.Event()
    heading = Heading(0.05, late.set)
    assert heading.goes_on(b"GET", waited_for=True)
    async with asyncio.timeout(10):
        await late.wait()


async def test_more_of_it_makes_it_no_later() -> None:
    loop = asyncio.get_running_loop()
    late: asyncio.Future[float] = loop.create_future()
    heading = Heading(0.3, lambda: late.set_result(loop.time()))
    began = loop.time()
    async with asyncio.timeout(10):
        while not late.done():
            heading.goes_on(b"x", waited_for=True)
            await asyncio.sleep(0.01)
    assert late.result() < began + 3


@pytest.mark.parametrize("ended", [lambda heading: heading.is_whole(b"\r\n\r\n"), Heading.end], ids=["whole", "over"])
async def test_one_that_is_over_is_not_late(ended: object) -> None:
    late, later = asyncio.Event(), asyncio.Event()
    heading, other = Heading(0.02, late.set), Heading(0.1, later.set)
    heading.goes_on(b"x", waited_for=True)
    other.goes_on(b"x", waited_for=True)
    ended(heading)  # type: ignore[operator]
    async with asyncio.timeout(10):
        await later.wait()
    assert not late.is_set()


async def test_nobody_is_late_who_has_to_wait_for_us() -> None:
    late, later = asyncio.Event(), asyncio.Event()
    Heading(0.02, late.set).goes_on(b"x", waited_for=False)
    Heading(0.1, later.set).goes_on(b"x", waited_for=True)
    async with asyncio.timeout(10):
        await later.wait()
    assert not late.is_set()


async def test_it_may_grow_only_so_large() -> None:
    heading = Heading(10, lambda: None)
    piece = b"x" * 1024
    assert [heading.goes_on(piece, waited_for=True) for _ in range(LARGEST // 1024 + 1)] == [True] * 32 + [False]
    heading.end()


async def test_each_head_begins_with_nothing() -> None:
    heading = Heading(10, lambda: None)
    for _ in range(10):
        assert heading.goes_on(b"x" * 30_000, waited_for=True)
        heading.is_whole(b"x\r\n\r\nGET /")
    assert heading.goes_on(b"x" * (LARGEST - 5), waited_for=True)
    assert not heading.goes_on(b"x", waited_for=True)
    heading.end()


async def test_what_may_be_large_is_looked_at() -> None:
    heading = Heading(10, lambda: None)
    assert not heading.may_be_large(b"x" * LARGEST)
    assert heading.may_be_large(b"x" * (LARGEST + 1))
    heading.goes_on(b"x", waited_for=False)
    assert heading.may_be_large(b"x" * LARGEST)


async def test_all_lines_together_are_measured() -> None:
    assert not is_too_long(request_of("GET", "/", *["X-Long: " + "x" * 8000] * 4)._message)
    assert is_too_long(request_of("GET", "/", *["X-Long: " + "x" * 8000] * 5)._message)
    assert not is_too_long(SimpleNamespace(raw_headers=()))
