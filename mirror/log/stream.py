"""Puts lines into a descriptor without ever waiting for long, because a log that nobody reads must not stop the mirror.

Knows nothing of what the lines say. Lines of at most PIPE_BUF bytes are never torn by another writer (POSIX, write).
"""

from __future__ import annotations

import os
import select
import stat
import threading
import time
from collections.abc import Iterator
from functools import cache

from mirror.log.descriptors import Opening, Put, never_waiting, writable

PIPE_BUF = select.PIPE_BUF
_FILE_BUF = 1024 * 1024  # bytes: a file takes what it is given, and each call costs the event loop its interpreter


class LogStream:
    """A pipe, socket, terminal or file that belongs to somebody else, and is never closed here.

    Once a reader has stopped reading, nothing more is waited for until it reads again. Any thread may write.
    """

    def __init__(self, descriptor: int, opening: Opening = never_waiting) -> None:
        self._descriptor = descriptor
        self._opening = opening
        self._largest = _largest(descriptor)
        self._turn = threading.Lock()
        self._stalled = False

    @property
    def is_terminal(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, lines: bytes, patience: float = 0.05) -> int:
        """Write whole lines, waiting at most `patience` seconds in all; the number of lines lost. Never raises."""
        deadline = time.monotonic() + (0.0 if self._stalled else patience)
        written = 0
        try:
            with self._opening(self._descriptor) as put:
                for piece in _pieces(lines, self._largest):
                    if not self._put(put, piece, deadline):
                        break
                    written += len(piece)
        except OSError:
            # Nobody can be told that the log is gone.
            pass
        self._stalled = written < len(lines)
        return lines.count(b"\n", written)

    def write_patiently(self, lines: bytes) -> int:
        """The same for a thread that has time, up to 2 s."""
        return self.write(lines, patience=2.0)

    def _put(self, put: Put, piece: bytes, deadline: float) -> bool:
        # The wait for a reader comes before the turn, so that a thread with more patience does not use up ours.
        if not self._writable(deadline) or not self._turn.acquire(timeout=_left(deadline)):
            return False
        try:
            while rest := piece[put(piece) :]:
                # What is writable for others may still be too full for all of this, so time alone ends it.
                if not self._writable(deadline) or (len(rest) == len(piece) and not _left(deadline)):
                    return False
                piece = rest
        finally:
            self._turn.release()
        return True

    def _writable(self, deadline: float) -> bool:
        return writable(self._descriptor, _left(deadline))


@cache
def stream_to(descriptor: int) -> LogStream:
    """The one stream of this process to it: two would not know of each other's turns and stalls."""
    return LogStream(descriptor)


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())


def _largest(descriptor: int) -> int:
    """Bytes that go into one call."""
    try:
        return _FILE_BUF if stat.S_ISREG(os.fstat(descriptor).st_mode) else PIPE_BUF
    except OSError:
        return PIPE_BUF


def _pieces(lines: bytes, largest: int) -> Iterator[bytes]:
    """Cut at line ends, into pieces of what is taken whole once there is room; a longer line is one piece."""
    start = 0
    while start < len(lines):
        stop = min(start + largest, len(lines))
        if stop < len(lines):
            stop = lines.rfind(b"\n", start, stop) + 1 or lines.find(b"\n", stop) + 1 or len(lines)
        yield lines[start:stop]
        start = stop
