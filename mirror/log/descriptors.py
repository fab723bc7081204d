"""Writes into a descriptor that belongs to somebody else, and never waits for its reader. Knows nothing of lines.

O_NONBLOCK is no answer: it belongs to the open file, which a shell and other programs may have in common with us.
"""

from __future__ import annotations

import os
import select
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

Put = Callable[[bytes], int]  # takes what fits just now, and says how many bytes that were
Opening = Callable[[int], AbstractContextManager[Put]]

_PRIVATE = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def never_waiting(descriptor: int) -> AbstractContextManager[Put]:
    """A way to write that returns at once whoever else writes. Leaving it closes what it opened; OSError if it is gone.

    Where the system gives no second opening of a pipe or terminal (no /proc, or it belongs to another user), it is
    that of `when_writable`.
    """
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISSOCK(mode):
        return _sending(descriptor)
    if not (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
        return nullcontext(lambda piece: os.write(descriptor, piece))
    try:
        private = os.open(f"/proc/self/fd/{descriptor}", _PRIVATE)
    except OSError:
        return when_writable(descriptor)
    return _opened(private)


def when_writable(descriptor: int) -> AbstractContextManager[Put]:
    """The second best way: look first, then write. May wait when another writer takes the room in between.

    POSIX promises room for PIPE_BUF bytes in a pipe that is writable, and no more.
    """

    def put(piece: bytes) -> int:
        return os.write(descriptor, piece[: select.PIPE_BUF]) if writable(descriptor, 0.0) else 0

    return nullcontext(put)


def writable(descriptor: int, patience: float) -> bool:
    """Whether there is room, or an error that a write would tell, within `patience` seconds."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(max(0.0, patience) * 1000))


@contextmanager
def _opened(private: int) -> Iterator[Put]:
    def put(piece: bytes) -> int:
        try:
            return os.write(private, piece)
        except BlockingIOError:
            return 0

    try:
        yield put
    finally:
        os.close(private)


@contextmanager
def _sending(descriptor: int) -> Iterator[Put]:
    connection = socket.socket(fileno=descriptor)

    def put(piece: bytes) -> int:
        try:
            return connection.send(piece, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0

    try:
        yield put
    finally:
        connection.detach()
