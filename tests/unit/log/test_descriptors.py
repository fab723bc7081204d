"""What is written goes where it belongs at once or not at all, and the descriptor stays as its owner left it."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirror.log.descriptors import Opening, never_waiting, when_writable, writable

PAGE = b"x" * select.PIPE_BUF
WAYS = pytest.mark.parametrize("opening", [never_waiting, when_writable])


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)
    os.close(writer)


def fill(descriptor: int, opening: Opening) -> int:
    """Write until nothing more is taken; bytes taken."""
    taken = 0
    with opening(descriptor) as put:
        while number := put(PAGE):
            taken += number
    return taken


def descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


@WAYS
def test_a_full_pipe_takes_nothing_and_stays_as_it_was(pipe: tuple[int, int], opening: Opening) -> None:
    reader, writer = pipe
    taken = fill(writer, opening)
    assert taken > 0
    assert not writable(writer, 0.0)
    assert fill(writer, opening) == 0
    assert os.read(reader, len(PAGE)) == PAGE
    assert fill(writer, opening) == len(PAGE)
    assert os.get_blocking(writer)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_socket_that_nobody_reads_takes_no_more_and_stays_as_it_was(kind: socket.SocketKind) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, kind)
    with ours, theirs:
        assert fill(ours.fileno(), never_waiting) > 0
        assert fill(ours.fileno(), never_waiting) == 0
        assert ours.getblocking()
        assert theirs.recv(len(PAGE)) == PAGE


def test_a_terminal_that_nobody_reads_takes_no_more_and_stays_as_it_was() -> None:
    ours, theirs = os.openpty()
    try:
        assert fill(theirs, never_waiting) > 0
        assert os.get_blocking(theirs)
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_file_is_written_where_its_owner_stands(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb", buffering=0) as file:
        file.write(b"before ")
        with never_waiting(file.fileno()) as put:
            assert put(b"ours ") == 5
        file.write(b"after")
    assert (tmp_path / "log").read_bytes() == b"before ours after"


def test_nothing_stays_open(pipe: tuple[int, int], tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, (tmp_path / "log").open("wb") as file:
        before = descriptors()
        for descriptor in (pipe[1], ours.fileno(), file.fileno()):
            with never_waiting(descriptor) as put:
                assert put(b"x") == 1
            with pytest.raises(ZeroDivisionError), never_waiting(descriptor):
                1 / 0  # noqa: B018
        assert descriptors() == before


@WAYS
def test_a_reader_that_is_gone_is_an_error(opening: Opening) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        with pytest.raises(BrokenPipeError), opening(writer) as put:
            put(PAGE)
    finally:
        os.close(writer)


def test_a_descriptor_that_is_gone_is_an_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    os.close(writer)
    with pytest.raises(OSError, match="Bad file descriptor"):
        never_waiting(writer)
