"""Makes a worker of a copy of this process. Knows what a worker is given, and not when there is to be one."""

from __future__ import annotations

import gc
import os
import random
import signal
import socket
from collections.abc import Callable, Collection
from dataclasses import dataclass

from mirror.marks import Marks
from mirror.workers.board import Board
from mirror.workers.frames import LARGEST
from mirror.workers.pages import Pages
from mirror.workers.post import Post
from mirror.workers.signals import Signals, ending
from mirror.workers.sockets import Sockets

_BUFFER = 8 * LARGEST  # bytes that may be on their way to a worker


@dataclass(frozen=True, slots=True)
class Forked:
    """In the supervisor: the child, and our end of its line."""

    pid: int
    line: socket.socket


class Forking:
    """Forks the workers of one run, `count` at a time; `signals` are those that the supervisor hears."""

    def __init__(self, count: int, sockets: Sockets, signals: Signals) -> None:
        self.board = Board(count)
        self.pages = Pages(count + 1)
        self.reading = Marks(count)
        self._count = count
        self._sockets = sockets
        self._signals = signals
        self._forked = 0

    def fork(self, number: int, present: Collection[int], leave: Callable[[], None]) -> Forked | Post:
        """Fork one under that number; in the child it is its post that is returned. Raises OSError.

        `present`: who serves just now; `leave`: let go, in the child, of what else is the supervisor's.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        self._forked += 1
        self.board.began(number, self._forked)
        self.reading.wipe(number)  # whoever had it reads no more
        gc.freeze()  # what is there already is never looked at again, so its pages stay those of all
        with self._signals.held_back():
            try:
                pid = os.fork()
            except OSError:
                self.board.ended(number)
                ours.close()
                theirs.close()
                raise
            if pid == 0:
                try:
                    ours.close()
                    self._signals.leave()
                    leave()
                    return self._begin(number, frozenset(present), theirs)
                except OSError:
                    os._exit(1)  # or it would go on as a second supervisor
        theirs.close()
        return Forked(pid, ours)

    def _begin(self, number: int, present: frozenset[int], line: socket.socket) -> Post:
        for one in ending():
            signal.signal(one, _passed_over)
        random.seed()
        sockets = self._sockets.of(number)
        begins = self._forked == 1
        shared = (self.board, self.pages, self.reading)
        return Post(number, self._count, begins, present, self._forked, line, sockets, *shared)


def _passed_over(_number: int, _frame: object) -> None:
    """A terminal and a service manager send it to the supervisor too, and its word is what counts.

    A worker that drained by itself would keep its number, and whoever is dealt to it, from a successor meanwhile. No
    SIG_IGN: programs that are started would have that as well.
    """
