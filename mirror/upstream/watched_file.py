"""A small file with a secret in it, read again whenever it changes, so that secrets rotate under a running mirror.

What is in it is for who reads it to say. Nothing here logs or raises what the file says.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from mirror.flights import Flights

T = TypeVar("T")

_log = structlog.get_logger("mirror.upstream")


@dataclass(frozen=True, slots=True)
class Secret(Generic[T]):
    """How to read a file: no larger than `largest` bytes, and as `parse` has it, which raises ValueError, a predicate.

    `key` is where the file is configured.
    """

    key: str
    largest: int
    parse: Callable[[bytes], T]


class WatchedFile(Generic[T]):
    """`upstream` is whose file it is, for the log. Closed by `aclose`."""

    def __init__(self, upstream: str, path: Path, secret: Secret[T]) -> None:
        self._upstream = upstream
        self._path = path
        self._secret = secret
        self._read: tuple[tuple[int, int, int], T] | None = None  # (inode, size, mtime) of the file, and what it says
        self._warned = False  # that what was read is used in place of what cannot be read
        self._looks: Flights[str, T] = Flights("file")

    async def aclose(self) -> None:
        """Nobody waits any longer for a file system that does not answer."""
        await self._looks.aclose()

    async def current(self) -> T:
        """What the file says: the same object while it does not change.

        What it said last, while it is being exchanged or cannot be used; ValueError, a predicate, if that is nothing.
        One looks at a time, for all who wait: a file system that does not answer holds one thread. May be cancelled.
        """
        return await self._looks.join("look", lambda: asyncio.to_thread(self._looked))

    def _looked(self) -> T:
        try:
            value = self._as_it_is()
        except ValueError:
            if self._read is None:
                raise
            if not self._warned:
                what = f"the file of {self._secret.key} cannot be used: what it said last still is"
                _log.warning(what, upstream=self._upstream)
            self._warned = True
            return self._read[1]
        self._warned = False
        return value

    def _as_it_is(self) -> T:
        try:
            if not stat.S_ISREG(os.stat(self._path).st_mode):  # a pipe would keep whoever opens it waiting
                raise ValueError("is not a regular file")
            with self._path.open("rb") as file:
                status = os.fstat(file.fileno())
                version = (status.st_ino, status.st_size, status.st_mtime_ns)
                if self._read is not None and self._read[0] == version:
                    return self._read[1]
                content = file.read(self._secret.largest + 1)
        except OSError:
            raise ValueError("cannot be read") from None
        if len(content) > self._secret.largest:
            raise ValueError("is too large to be one")
        value = self._secret.parse(content)
        if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            _log.warning(
                f"the file of {self._secret.key} is open to others than its owner",
                upstream=self._upstream,
                file=str(self._path),
            )
        self._read = (version, value)
        return value
