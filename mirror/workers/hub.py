"""Passes on what each worker tells to all the others. Never waits for one of them, and starts and ends none.

Who does not read hears `LOST` once there is room again, in the place of what was told meanwhile.
"""

from __future__ import annotations

import selectors
import socket
from collections import deque

from mirror.siblings import LOST, Word
from mirror.workers.frames import LARGEST, READY, is_told, told

_TURN = 64  # frames that are read of one worker before others have their turn
_BOTH = selectors.EVENT_READ | selectors.EVENT_WRITE


class Hub:
    """The supervisor's ends of all lines, each registered in `selector` with its worker's number as data."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        self._lines: dict[int, _Line] = {}

    def join(self, number: int, line: socket.socket) -> None:
        """There is a worker of that number. The hub closes the line."""
        line.setblocking(False)
        self._lines[number] = _Line(line)
        self._selector.register(line, selectors.EVENT_READ, number)

    def leave(self, number: int) -> None:
        """There is none any more; its last words go to the others."""
        line = self._lines.pop(number)
        while (frame := self._next(line)) is not None:
            self._take(frame, number)
        if not line.ended:
            self._selector.unregister(line.socket)
        line.socket.close()

    def close(self) -> None:
        """Close this process's ends of all lines. A child does so too, or no worker would hear of our end."""
        for line in self._lines.values():
            line.socket.close()
        self._lines.clear()

    def order(self, number: int, subject: str, *words: Word) -> None:
        """Tell one worker something that it has to hear, late if need be. One that is gone does not."""
        line = self._lines.get(number)
        if line is None or line.ended:
            return
        line.owed.append(told(subject, words))
        self._pay(line, number)

    def serve(self, number: int, events: int) -> bool:
        """What the selector has found. Whether the worker has said that it serves."""
        line = self._lines.get(number)
        if line is None or line.ended:
            return False
        if events & selectors.EVENT_WRITE:
            self._pay(line, number)
        return bool(events & selectors.EVENT_READ) and self._read(line, number)

    def _read(self, line: _Line, number: int) -> bool:
        ready = False
        for _ in range(_TURN):
            frame = self._next(line)
            if frame is None:
                break
            ready = self._take(frame, number) or ready
        return ready

    def _next(self, line: _Line) -> bytes | None:
        """What has come and is not read yet, None when that is nothing."""
        if line.ended:
            return None
        try:
            frame = line.socket.recv(LARGEST)
        except BlockingIOError:
            return None
        except OSError:
            frame = b""
        if not frame:
            # Its process may live on for a moment, and is heard of by its end.
            line.ended = True
            self._selector.unregister(line.socket)
        return frame or None

    def _take(self, frame: bytes, teller: int) -> bool:
        """Pass it on, if it is for others; whether it says that the worker serves."""
        if is_told(frame):
            self._pass_on(frame, teller)
        return frame == READY

    def _pass_on(self, frame: bytes, teller: int) -> None:
        for number, line in self._lines.items():
            if number == teller or line.ended or line.behind:
                continue
            if line.owed or not _sent(line, frame):
                line.behind = True
                line.owed.append(told(LOST))
                self._selector.modify(line.socket, _BOTH, number)

    def _pay(self, line: _Line, number: int) -> None:
        while line.owed and _sent(line, line.owed[0]):
            line.owed.popleft()
        line.behind = line.behind and bool(line.owed)
        self._selector.modify(line.socket, _BOTH if line.owed else selectors.EVENT_READ, number)


class _Line:
    """One worker's. `owed`: what it has to hear before anything else; `behind`: it has missed something since."""

    __slots__ = ("behind", "ended", "owed", "socket")

    def __init__(self, line: socket.socket) -> None:
        self.socket = line
        self.owed: deque[bytes] = deque()
        self.behind = False
        self.ended = False


def _sent(line: _Line, frame: bytes) -> bool:
    """Whether it need not be sent again: it was, or nobody is there to hear it."""
    try:
        line.socket.send(frame)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True
