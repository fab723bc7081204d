"""A worker's end of its line to the supervisor, on its event loop: tells the other workers, and hears them.

Knows nothing of what is told. Without the supervisor there is nobody to hear: its end is told to who made the channel.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Self

import structlog

from mirror.marks import Marks
from mirror.siblings import GONE, LOST, Heard, Word
from mirror.tasks import end, spawn
from mirror.workers.frames import CAME, LARGEST, READY, heard, told
from mirror.workers.post import Post
from mirror.workers.questions import Questions

BEAT = 0.5  # seconds between two signs of life
_KEPT = 256  # frames that wait for room; what comes on top of them is lost, and the others hear that
_TURN = 64  # frames that are heard before others have the loop

_log = structlog.get_logger(__name__)


class Channel:
    """The `Siblings` of a worker: entered on its event loop, and left there when nothing is told any more.

    `orphaned` is called, once, when the supervisor has ended.
    """

    def __init__(self, post: Post, orphaned: Callable[[], None]) -> None:
        self.post = post
        self._orphaned = orphaned
        self._heard: dict[str, list[Heard]] = {}
        self._waiting: deque[bytes] = deque()
        self._overflowed = False
        self._open = False
        self._serves = False
        self._present = set(post.present)
        self.questions = Questions(self, lambda: self._present)
        self.hear(CAME, self._present.add)
        self.hear(GONE, self._present.discard)

    @property
    def number(self) -> int:
        return self.post.number

    @property
    def count(self) -> int:
        return self.post.count

    @property
    def begins(self) -> bool:
        return self.post.begins

    @property
    def reading(self) -> Marks:
        return self.post.reading

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self.post.line.setblocking(False)
        self._loop.add_reader(self.post.line, self._read)
        self._open = True
        self._beating = spawn(self._beat(), "worker-beat")
        return self

    async def __aexit__(self, *_: object) -> None:
        await end(self._beating)
        await self.questions.aclose()
        self._close()
        self.post.line.close()

    def ready(self) -> None:
        """Requests are answered from now on."""
        self._serves = True
        self.post.board.beat(self.number, serves=True)
        self._put(READY)

    def ending(self) -> None:
        """No more requests are taken."""
        self._serves = False

    def tell(self, subject: str, *words: Word) -> None:
        """Let every other worker hear this, or that something was lost. Never waits, never raises."""
        try:
            frame = told(subject, words)
        except ValueError as error:
            _log.error("the other workers cannot be told", subject=subject, error=str(error))
            frame = told(LOST)
        self._put(frame)

    def hear(self, subject: str, heard: Heard) -> None:
        self._heard.setdefault(subject, []).append(heard)

    def _put(self, frame: bytes) -> None:
        if not self._open:
            return
        if not self._waiting and self._sent(frame):
            return
        if len(self._waiting) >= _KEPT:
            self._overflowed = True
            return
        if not self._waiting:
            self._loop.add_writer(self.post.line, self._write)
        self._waiting.append(frame)

    def _write(self) -> None:
        while self._waiting:
            if not self._sent(self._waiting[0]):
                return
            self._waiting.popleft()
            if not self._waiting and self._overflowed:
                self._overflowed = False
                self._waiting.append(told(LOST))
        self._loop.remove_writer(self.post.line)

    def _sent(self, frame: bytes) -> bool:
        """Whether it need not be sent again. That nobody is there is heard by reading."""
        try:
            self.post.line.send(frame)
        except BlockingIOError:
            return False
        except OSError:
            pass
        return True

    def _read(self) -> None:
        for _ in range(_TURN):
            try:
                frame = self.post.line.recv(LARGEST)
            except BlockingIOError:
                return
            except OSError:
                frame = b""
            if not frame:
                self._close()
                self._orphaned()
                return
            self._hear(frame)

    def _hear(self, frame: bytes) -> None:
        try:
            subject, words = heard(frame)
        except ValueError:
            return
        for each in self._heard.get(subject, ()):
            each(*words)

    def _close(self) -> None:
        if self._open:
            self._open = False
            self._waiting.clear()
            self._loop.remove_reader(self.post.line)
            self._loop.remove_writer(self.post.line)

    async def _beat(self) -> None:
        while True:
            self.post.board.beat(self.number, self._serves)
            await asyncio.sleep(BEAT)
