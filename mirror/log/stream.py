"""Puts lines into a descriptor without ever waiting for long, because a log that nobody reads must not stop the mirror.

Knows nothing of what the lines say. Lines of at most PIPE_BUF bytes are never torn by another writer (POSIX, write).
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator

PIPE_BUF = select.PIPE_BUF


class LogStream:
    """A pipe, socket, terminal or file that belongs to somebody else, and is never closed here.

    Once a reader has stopped reading, nothing more is waited for until it reads again. Any thread may write.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._stalled = False

    @property
    def is_terminal(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, lines: bytes, patience: float = 0.05) -> int:
        """Write whole lines, waiting at most `patience` seconds in all; the number of lines lost. Never raises."""
        deadline = time.monotonic() + (0.0 if self._stalled else patience)
        written = 0
        for piece in _pieces(lines):
            if not self._put(piece, deadline):
                self._stalled = True
                return lines.count(b"\n", written)
            written += len(piece)
        self._stalled = False
        return 0

    def write_patiently(self, lines: bytes) -> int:
        """The same for a thread that has time, up to 2 s."""
        return self.write(lines, patience=2.0)

    def _put(self, piece: bytes, deadline: float) -> bool:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        try:
            while piece:
                if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                    return False
                piece = piece[os.write(self._descriptor, piece) :]
        except OSError:
            # Nobody can be told that the log is gone.
            return False
        return True


def _pieces(lines: bytes) -> Iterator[bytes]:
    """Cut at line ends, into pieces that a pipe takes whole once it is writable; only a longer line is cut within."""
    start = 0
    while start < len(lines):
        stop = min(start + PIPE_BUF, len(lines))
        if stop < len(lines):
            stop = lines.rfind(b"\n", start, stop) + 1 or stop
        yield lines[start:stop]
        start = stop
