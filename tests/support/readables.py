"""A content in a file that grows as a test lets it, as the pull hands it to the server."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Self

from mirror.errors import MirrorError


class Growing:
    """A `Readable`. `size` None: nobody knows how long it will be."""

    def __init__(self, path: Path, size: int | None) -> None:
        self.size = size
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self.closed = False
        self.doubted = False
        self._length = 0
        self._ended = False
        self._failure: MirrorError | None = None
        self._grown = asyncio.Event()

    @classmethod
    def whole(cls, path: Path, data: bytes) -> Self:
        """One that has nothing more to come."""
        readable = cls(path, len(data))
        readable.grow(data)
        readable.end()
        return readable

    def grow(self, data: bytes) -> None:
        os.pwrite(self.descriptor, data, self._length)
        self._length += len(data)
        self._wake()

    def end(self) -> None:
        self._ended = True
        self._wake()

    def fail(self, error: MirrorError) -> None:
        """Whoever has read what there is hears of this."""
        self._failure = error
        self._wake()

    async def ready(self, offset: int) -> int:
        while self._length <= offset:
            if self._failure is not None:
                raise self._failure
            if self._ended:
                return offset
            await self._grown.wait()
        return self._length

    def doubt(self) -> None:
        self.doubted = True

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            os.close(self.descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _wake(self) -> None:
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()
