"""Facts are written in batches behind the reader's back, and lost rather than waited for."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from mirror.store.writer import Writer


class Lost(Exception):
    """What a database may do to a batch."""


class Target:
    """What is written to: takes note of its transactions, and can be made to wait or to fail."""

    def __init__(self) -> None:
        self.transactions: list[list[str]] = []
        self.threads: set[str] = set()
        self.may_begin = threading.Event()
        self.may_begin.set()
        self.failure: Exception | None = None

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        assert self.may_begin.wait(10)
        self.threads.add(threading.current_thread().name)
        self.transactions.append([])
        yield
        if self.failure is not None:
            raise self.failure

    def write(self, fact: str) -> None:
        self.transactions[-1].append(fact)


@pytest.fixture
def target() -> Target:
    return Target()


@pytest.fixture
def writer(target: Target) -> Iterator[Writer[Target]]:
    thread = ThreadPoolExecutor(1, "facts")
    yield Writer(target, target.transaction, thread, (Lost,))
    thread.shutdown()


def _submit(writer: Writer[Target], *facts: str) -> list[str]:
    """Submit facts, the first in a batch of its own; the list fills as they are reported as written."""
    written: list[str] = []
    for fact in facts:
        writer.submit(lambda target, fact=fact: target.write(fact), lambda fact=fact: written.append(fact))  # type: ignore[misc]
        writer.begin()
    return written


async def test_facts_wait_a_moment_for_others_and_are_then_written_by_themselves(
    writer: Writer[Target], target: Target
) -> None:
    written = asyncio.Event()
    writer.submit(lambda target: target.write("a"))
    writer.submit(lambda target: target.write("b"), written.set)
    assert target.transactions == []
    await asyncio.wait_for(written.wait(), 10)
    assert target.transactions == [["a", "b"]]


async def test_a_fact_is_written_in_the_writer_s_thread_and_reported_on_the_loop_s(
    writer: Writer[Target], target: Target
) -> None:
    reported: list[threading.Thread] = []
    writer.submit(lambda target: target.write("a"), lambda: reported.append(threading.current_thread()))
    await writer.flush()
    assert target.transactions == [["a"]]
    assert reported == [threading.current_thread()]
    assert all(name.startswith("facts") for name in target.threads)


async def test_what_comes_while_a_batch_is_written_goes_into_one_next_batch(
    writer: Writer[Target], target: Target
) -> None:
    target.may_begin.clear()
    written = _submit(writer, "a", "b", "c")
    assert (target.transactions, written) == ([], [])  # nobody has waited for any of it
    target.may_begin.set()
    await writer.flush()
    assert target.transactions == [["a"], ["b", "c"]]
    assert written == ["a", "b", "c"]


async def test_flush_waits_for_what_was_submitted_and_not_for_what_comes_meanwhile(
    writer: Writer[Target], target: Target
) -> None:
    target.may_begin.clear()
    _submit(writer, "a", "b")
    endless = True

    def submit_again() -> None:
        if endless:
            writer.submit(lambda target: target.write("more"), submit_again)

    submit_again()
    target.may_begin.set()
    async with asyncio.timeout(10):
        await writer.flush()
    assert target.transactions[:2] == [["a"], ["b", "more"]]
    endless = False
    await writer.flush()


async def test_flush_of_nothing_does_not_wait(writer: Writer[Target], target: Target) -> None:
    await writer.flush()
    assert target.transactions == []


async def test_a_lost_batch_is_counted_reported_and_over(
    writer: Writer[Target], target: Target, caplog: pytest.LogCaptureFixture
) -> None:
    target.failure = Lost("secret detail")
    target.may_begin.clear()
    written = _submit(writer, "a", "b", "c")
    target.may_begin.set()
    await writer.flush()
    assert writer.lost == 3
    assert written == ["a", "b", "c"]
    assert [record.getMessage() for record in caplog.records] == [
        "1 facts could not be noted: Lost",
        "2 facts could not be noted: Lost",
    ]
    target.failure = None
    _submit(writer, "d")
    await writer.flush()
    assert target.transactions[-1] == ["d"]
    assert writer.lost == 3


async def test_a_fault_of_ours_is_seen_and_does_not_stop_the_writer(writer: Writer[Target], target: Target) -> None:
    complaints: list[BaseException] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context["exception"]))
    target.failure = KeyError("ours")
    target.may_begin.clear()
    _submit(writer, "a", "b")
    target.may_begin.set()
    await writer.flush()
    assert complaints == [target.failure] * 2
    assert target.transactions == [["a"], ["b"]]
    assert writer.lost == 0
