"""What can be wrong with one answer, and when it is let out; order is made with events, never with time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

_PIECE = 64 * 1024


class Gate:
    """Lets bodies out piece by piece: each `release` lets one more piece of one waiting answer go."""

    def __init__(self, piece: int = _PIECE) -> None:
        self.piece = piece
        self.arrived = asyncio.Event()  # an answer has come to this gate
        self._permits = asyncio.Semaphore(0)
        self._open = False

    def release(self, pieces: int = 1) -> None:
        for _ in range(pieces):
            self._permits.release()

    def open(self) -> None:
        """From now on nobody waits here."""
        self._open = True
        self._permits.release()

    async def passed(self) -> None:
        self.arrived.set()
        if not self._open:
            await self._permits.acquire()
        if self._open:
            self._permits.release()  # wakes the next one in the queue


class Never:
    """Stands for an event that nobody will set; unlike an event it may be shared by tests."""

    async def wait(self) -> None:
        await asyncio.get_running_loop().create_future()


@dataclass(frozen=True, slots=True)
class Fault:
    """One answer's troubles; positions count body bytes of that answer."""

    status: int | None = None  # answered instead, with an OCI error body
    headers: Mapping[str, str | None] = field(default_factory=dict)  # set, or left out when None
    body: bytes | None = None  # sent instead
    length: int | None = None  # announced instead; the connection is closed after the body
    chunked: bool = False  # no Content-Length
    whole: bool = False  # the Range is ignored
    drop: bool = False  # the connection is reset instead of an answer
    reset_at: int | None = None  # the connection is reset there (bytes before it may get lost)
    cut_at: int | None = None  # the connection is closed there; every byte before it arrives
    flip_at: int | None = None  # one bit is wrong there
    stall_at: int | None = None  # silence there until `until` is set
    until: asyncio.Event | Never | None = None
    hold: asyncio.Event | Never | None = None  # not even the head comes before this is set
    gate: Gate | None = None

    def spoil(self, body: bytes) -> bytes:
        body = body if self.body is None else self.body
        if self.flip_at is None or self.flip_at >= len(body):
            return body
        return body[: self.flip_at] + bytes([body[self.flip_at] ^ 1]) + body[self.flip_at + 1 :]

    async def pace(self, body: bytes) -> AsyncIterator[memoryview]:
        """The pieces that go out, each when it may; ends early where the connection is to end."""
        view = memoryview(body)
        end = min(len(body), *(stop for stop in (self.cut_at, self.reset_at, len(body)) if stop is not None))
        step = _PIECE if self.gate is None else self.gate.piece
        position = 0
        while True:
            if position == self.stall_at and self.until is not None:
                await self.until.wait()
            if position >= end:
                return
            if self.gate is not None:
                await self.gate.passed()
            stop = min(end, position + step)
            if self.stall_at is not None and position < self.stall_at < stop:
                stop = self.stall_at
            yield view[position:stop]
            position = stop


@dataclass(slots=True)
class Planned:
    """A fault for requests whose method and path match, for so many of them (None: for all)."""

    fault: Fault
    method: str
    fragment: str
    times: int | None
