"""The other end of a worker's line: what the supervisor would tell it, and hears of it. Forks nobody."""

from __future__ import annotations

import asyncio
import socket
from typing import Self

from mirror.config.addresses import ListenAddress
from mirror.marks import Marks
from mirror.siblings import Word
from mirror.workers.board import Board
from mirror.workers.frames import LARGEST, told
from mirror.workers.pages import Pages
from mirror.workers.post import Post
from mirror.workers.sockets import Sockets, bind

_PATIENCE = 10.0  # seconds
_LOCAL = [ListenAddress("127.0.0.1", 0)]


class Line:
    """`with Line(number=1, count=2) as line:` has `line.post` for a `Channel`, which closes its end."""

    def __init__(self, number: int = 0, count: int = 2, present: frozenset[int] = frozenset(), buffer: int = 0) -> None:
        self.end, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.end.setblocking(False)
        if buffer:
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        self._bound = bind(_LOCAL, _LOCAL, count)
        own = Sockets((self._bound.registry[number],), self._bound.admin)
        board = Board(count)
        board.began(number, number + 1)
        shared = (board, Pages(count + 1), Marks(count))
        self.post = Post(number, count, True, present, number + 1, theirs, own, *shared)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end.close()
        self.post.line.close()
        self._bound.close()

    def tell(self, subject: str, *words: Word) -> None:
        self.end.send(told(subject, words))

    async def next(self) -> bytes:
        """The next frame that the worker sends. Raises TimeoutError."""
        async with asyncio.timeout(_PATIENCE):
            return await asyncio.get_running_loop().sock_recv(self.end, LARGEST)
