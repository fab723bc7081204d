"""Signals as something to select on, for a process without an event loop that forks others; and which are to end us."""

from __future__ import annotations

import signal
import socket
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Self


def ending() -> tuple[signal.Signals, ...]:
    """Those that ask this process to end, once its running answers have.

    SIGHUP is one unless this was started so as to outlive its terminal, as `nohup` does it. A terminal that closes may
    send it twice, for itself and by its shell, so it never makes haste.
    """
    outlives = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return (signal.SIGTERM, signal.SIGINT) if outlives else (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Signals:
    """While it is entered, these signals do nothing but wait in `received`; its descriptor is readable when some do."""

    def __init__(self, numbers: Collection[signal.Signals]) -> None:
        self._numbers = frozenset(numbers)
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        self._readable, self._writable = socket.socketpair()
        self._readable.setblocking(False)
        self._writable.setblocking(False)
        self._wakeup = signal.set_wakeup_fd(self._writable.fileno(), warn_on_full_buffer=False)
        for number in self._numbers:
            self._before[number] = signal.signal(number, _heard)
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        """As it was before it was entered. A child that has been forked within does so too; it may be done twice."""
        if self._readable.fileno() < 0:
            return
        signal.set_wakeup_fd(self._wakeup)
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what `signal` itself has given us
        self._before.clear()
        self._readable.close()
        self._writable.close()

    def fileno(self) -> int:
        return self._readable.fileno()

    def received(self) -> list[signal.Signals]:
        """Those that have come since the last call."""
        try:
            numbers = self._readable.recv(4096)
        except BlockingIOError:
            return []
        return [signal.Signals(number) for number in numbers if number in self._numbers]

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Within, none of them is delivered. A child that is forked there leaves both, and hears its own alone."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, self._numbers)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _heard(_number: int, _frame: object) -> None:
    """What Python does with it; the number is in the descriptor by then."""
