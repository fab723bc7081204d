"""Requests are noted at once and written in batches, whatever becomes of the writer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

from structlog.testing import capture_logs

from mirror.log.access import BATCH, CAPACITY, AccessLog, AccessRecord
from mirror.outcome import Outcome
from mirror.tasks import spawn


def record(number: int) -> AccessRecord:
    return AccessRecord(
        0.0, str(number), "c", "GET", "/v2/", 200, Outcome.HIT, None, "ping", None, None, 2, 0.0, None, "agent"
    )


def render(records: Sequence[AccessRecord]) -> bytes:
    return "".join(f"{entry.request_id}\n" for entry in records).encode()


class Paper:
    """A writer that tells the event loop of each write, and that can be held."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.threads: set[int] = set()
        self.free = threading.Event()
        self.free.set()
        self.written = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def write(self, lines: bytes) -> int:
        self._loop.call_soon_threadsafe(self.written.set)
        self.free.wait(timeout=30)
        self.lines += lines.decode().splitlines()
        self.threads.add(threading.get_ident())
        return 0


async def test_noting_neither_renders_nor_writes() -> None:
    def refuse(_: object) -> int:
        raise AssertionError

    log = AccessLog(lambda records: bytes(refuse(records)), refuse)
    for number in range(10):
        log.note(record(number))


async def test_a_flush_writes_every_record_once_in_order_and_in_another_thread() -> None:
    paper = Paper()
    log = AccessLog(render, paper.write)
    for number in range(2 * BATCH + 5):
        log.note(record(number))
    await log.flush()
    await log.flush()
    assert paper.lines == [str(number) for number in range(2 * BATCH + 5)]
    assert threading.get_ident() not in paper.threads


async def test_records_are_written_within_a_moment_without_being_asked_for() -> None:
    paper = Paper()
    log = AccessLog(render, paper.write)
    task = spawn(log.run(), "access log")
    log.note(record(1))
    async with asyncio.timeout(10):
        await paper.written.wait()
    await log.aclose()
    await task
    assert paper.lines == ["1"]


async def test_a_full_batch_is_written_without_waiting_for_the_moment() -> None:
    paper = Paper()
    log = AccessLog(render, paper.write, interval=3600.0)
    task = spawn(log.run(), "access log")
    for number in range(BATCH):
        log.note(record(number))
    async with asyncio.timeout(10):
        await paper.written.wait()
        await log.aclose()
        await task
    assert len(paper.lines) == BATCH


async def test_closing_writes_what_is_left() -> None:
    paper = Paper()
    log = AccessLog(render, paper.write)
    task = spawn(log.run(), "access log")
    for number in range(10):
        log.note(record(number))
    await log.aclose()
    await log.aclose()
    async with asyncio.timeout(10):
        await task
    assert paper.lines == [str(number) for number in range(10)]


async def test_a_writer_that_hangs_holds_up_neither_the_loop_nor_the_end() -> None:
    paper = Paper()
    paper.free.clear()
    log = AccessLog(render, paper.write)
    task = spawn(log.run(), "access log")
    log.note(record(1))
    async with asyncio.timeout(10):
        await paper.written.wait()
        log.note(record(2))
        await log.aclose(patience=0.01)
    paper.free.set()
    async with asyncio.timeout(10):
        await task
    assert paper.lines[0] == "1"


async def test_of_too_many_records_the_oldest_are_lost_and_counted() -> None:
    paper = Paper()
    log = AccessLog(render, paper.write)
    for number in range(CAPACITY + 7):
        log.note(record(number))
    with capture_logs() as events:
        await log.flush()
    assert paper.lines == [str(number) for number in range(7, CAPACITY + 7)]
    assert [(event["event"], event["count"]) for event in events] == [("access records lost", 7)]


async def test_lines_that_the_stream_lost_are_counted() -> None:
    log = AccessLog(render, lambda lines: lines.count(b"\n"))
    for number in range(100):
        log.note(record(number))
    with capture_logs() as events:
        await log.flush()
        await log.flush()
    assert [event["count"] for event in events] == [100]


async def test_a_run_may_be_cancelled() -> None:
    log = AccessLog(render, Paper().write)
    task = spawn(log.run(), "access log")
    await asyncio.sleep(0)
    task.cancel()
    (result,) = await asyncio.gather(task, return_exceptions=True)
    assert isinstance(result, asyncio.CancelledError)
