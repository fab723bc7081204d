"""Lines go into pipes, sockets and files, and nobody waits for a reader that does not read."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest

from mirror.log.descriptors import when_writable
from mirror.log.stream import PIPE_BUF, LogStream, stream_to

LINE = b"x" * 63 + b"\n"
PAGE = LINE * (PIPE_BUF // len(LINE))  # takes a whole slot of a pipe


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    for descriptor in (reader, writer):
        try:
            os.close(descriptor)
        except OSError:
            continue


def fill(stream: LogStream) -> int:
    """Write lines until the pipe is full; the number of lines that went."""
    lost = stream.write(LINE * 4096, patience=0.0)
    assert lost > 0
    return 4096 - lost


def test_lines_arrive_as_they_are(pipe: tuple[int, int], tmp_path: Path) -> None:
    reader, writer = pipe
    assert LogStream(writer).write(b"one\ntwo\n") == 0
    assert os.read(reader, 100) == b"one\ntwo\n"
    path = tmp_path / "log"
    with path.open("wb") as file:
        assert LogStream(file.fileno()).write(LINE * 1000) == 0
    assert path.read_bytes() == LINE * 1000


def test_a_full_pipe_costs_only_the_patience_and_then_nothing(pipe: tuple[int, int]) -> None:
    stream = LogStream(pipe[1])
    fill(stream)
    begin = time.monotonic()
    for _ in range(1000):
        assert stream.write(b"lost\n", patience=30.0) == 1
    assert time.monotonic() - begin < 5


def test_what_was_written_before_the_pipe_was_full_are_whole_lines(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    written = fill(LogStream(writer))
    os.close(writer)
    with os.fdopen(os.dup(reader), "rb") as file:
        assert file.read() == LINE * written


def test_a_stream_recovers_when_it_is_read_again(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    stream = LogStream(writer)
    in_pipe = fill(stream)
    assert stream.write(b"lost\n") == 1
    remaining = in_pipe * len(LINE)
    while remaining:
        remaining -= len(os.read(reader, remaining))
    assert stream.write(b"here again\n") == 0
    assert os.read(reader, 100) == b"here again\n"


def test_patience_waits_for_a_slow_reader(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    received = bytearray()

    def read_all() -> None:
        while piece := os.read(reader, 1024):
            received.extend(piece)

    thread = threading.Thread(target=read_all)
    thread.start()
    lost = LogStream(writer).write_patiently(LINE * 20_000)
    os.close(writer)
    thread.join(timeout=30)
    assert lost == 0
    assert bytes(received) == LINE * 20_000


def test_a_line_longer_than_a_pipe_takes_at_once_is_written_whole(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    line = b"y" * (2 * PIPE_BUF) + b"\n"
    assert LogStream(writer).write(b"short\n" + line + b"short\n") == 0
    assert os.read(reader, 4 * PIPE_BUF) == b"short\n" + line + b"short\n"


def test_a_stream_that_is_gone_loses_lines_without_an_error(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    os.close(reader)
    stream = LogStream(writer)
    assert stream.write(b"one\ntwo\n") == 2
    os.close(writer)
    assert stream.write(b"three\n") == 1


def together(*calls: Callable[[], int]) -> list[int]:
    """What the calls return, each in a thread of its own, or less of it when one does not come back."""
    results: list[int] = []
    threads = [threading.Thread(target=lambda call=call: results.append(call()), daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    return sorted(results)


@pytest.mark.parametrize("apart", [True, False])
def test_two_threads_that_want_the_last_room_of_a_pipe_both_come_back(pipe: tuple[int, int], apart: bool) -> None:
    reader, writer = pipe
    for _ in range(20):
        # Each its own stream, as another process would have; or one that can only look before it writes.
        shared = LogStream(writer, when_writable)
        pair = (LogStream(writer), LogStream(writer)) if apart else (shared, shared)
        fill(LogStream(writer))
        read, *lost = together(
            *(partial(stream.write, PAGE, 0.05) for stream in pair), lambda: -len(os.read(reader, PIPE_BUF))
        )
        assert read == -PIPE_BUF
        assert len(lost) == 2
        assert max(lost) == len(PAGE) // len(LINE)


def test_only_one_thread_at_a_time_looks_and_writes(pipe: tuple[int, int]) -> None:
    met = []
    both = threading.Barrier(2)

    def put(piece: bytes) -> int:
        try:
            both.wait(timeout=0.1)
            met.append(piece)
        except threading.BrokenBarrierError:
            both.reset()
        return len(piece)

    stream = LogStream(pipe[1], lambda _: nullcontext(put))
    assert together(*[partial(stream.write_patiently, LINE)] * 2) == [0, 0]
    assert met == []


def test_threads_do_not_tear_each_others_lines(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    stream = LogStream(writer)
    lines = [letter * (3 * PIPE_BUF) + b"\n" for letter in (b"a", b"b")]

    def read_all() -> int:
        with os.fdopen(os.dup(reader), "rb") as file:
            return sum(file.readline() in lines for _ in range(40))

    assert together(*(partial(stream.write_patiently, line * 20) for line in lines), read_all) == [0, 0, 40]


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
@pytest.mark.parametrize("kind", ["pipe", "file"])
def test_processes_do_not_tear_each_others_lines_nor_write_over_them(tmp_path: Path, kind: str) -> None:
    """A file as a shell opens it with `2>`: without O_APPEND, but with one position for all that inherit it."""
    if kind == "pipe":
        reader, writer = os.pipe()
    else:
        writer = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        reader = os.open(tmp_path / "log", os.O_RDONLY)
    children = []
    for name in (b"a", b"b"):
        child = os.fork()
        if child == 0:
            lost = sum(LogStream(writer).write_patiently(name * 200 + b"\n") for _ in range(500))
            lost += LogStream(writer).write_patiently((name * 200 + b"\n") * 500)
            os._exit(int(lost > 0))
        children.append(child)
    os.close(writer)
    text = b""
    if kind == "pipe":
        while piece := os.read(reader, 65536):
            text += piece
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0]
    if kind == "file":
        text = (tmp_path / "log").read_bytes()
    os.close(reader)
    assert sorted(text.splitlines()) == [b"a" * 200] * 1000 + [b"b" * 200] * 1000


def test_a_terminal_that_is_held_up_holds_up_nobody() -> None:
    ours, theirs = os.openpty()
    try:
        stream = LogStream(theirs)
        assert together(partial(stream.write, LINE * 4096), partial(stream.write, LINE * 4096))[0] > 0
        assert os.get_blocking(theirs)
    finally:
        os.close(ours)
        os.close(theirs)


def test_there_is_one_stream_to_a_descriptor() -> None:
    assert stream_to(2) is stream_to(2)
    assert stream_to(2) is not stream_to(1)


def test_a_descriptor_made_non_blocking_by_somebody_is_no_error() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4608)
        stream = LogStream(ours.fileno())
        assert stream.write(LINE * 100_000, patience=0.1) > 0
        assert stream.write(b"lost\n") == 1


def test_a_pipe_is_no_terminal(pipe: tuple[int, int]) -> None:
    assert not LogStream(pipe[1]).is_terminal
    ours, theirs = os.openpty()
    try:
        assert LogStream(theirs).is_terminal
    finally:
        os.close(ours)
        os.close(theirs)
