"""An upstream that plays exact bytes, right or wrong, and records what it was sent."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from tests.support.faults import Never
from tests.support.listener import Listener
from tests.support.wire import Seen, read_request, reset


@dataclass(frozen=True, slots=True)
class Close:
    """The connection is closed tidily; everything before it arrives."""


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset."""


@dataclass(frozen=True, slots=True)
class Until:
    """Silence until the event is set."""

    event: asyncio.Event | Never


@dataclass(frozen=True, slots=True)
class Endless:
    """These bytes, again and again, until the client leaves."""

    piece: bytes


Step = bytes | Close | Reset | Until | Endless
Script = Sequence[Step]


class RawUpstream:
    """Answers the n-th request with the n-th script (the last one again for all that follow), on one loopback port.

    A connection stays open after a script that does not end it. `requests` tells what came.
    """

    def __init__(self, *scripts: Script, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Seen] = []
        self._scripts = scripts
        self._host, self._scheme = host, "https" if tls else "http"
        self._listener = Listener(self._serve, host, tls=tls)

    async def __aenter__(self) -> Self:
        await self._listener.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._listener.aclose()

    @property
    def url(self) -> str:
        return f"{self._scheme}://{self._host}:{self._listener.port}"

    @property
    def port(self) -> int:
        return self._listener.port

    @property
    def connections(self) -> int:
        return self._listener.connections

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (seen := await read_request(reader, "raw")) is not None:
            script = self._scripts[min(len(self.requests), len(self._scripts) - 1)]
            self.requests.append(seen)
            for step in script:
                if not await play(step, writer):
                    return


async def play(step: Step, writer: asyncio.StreamWriter) -> bool:
    """False when the connection is over."""
    match step:
        case bytes():
            writer.write(step)
            await writer.drain()
        case Until():
            await step.event.wait()
        case Endless():
            while not writer.transport.is_closing():
                writer.write(step.piece)
                await writer.drain()
                await asyncio.sleep(0)  # drain() does not let others run while there is room
            return False
        case Reset():
            reset(writer)
            return False
        case Close():
            return False
    return True


def answer(status: str, headers: Sequence[str] = (), body: bytes = b"") -> bytes:
    """An answer with these header lines and nothing added: `answer("200 OK", ["Content-Length: 2"], b"{}")`."""
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode("latin-1") + body


def redirect(location: str, status: str = "307 Temporary Redirect") -> Script:
    """A redirect, written as it is given."""
    return [answer(status, [f"Location: {location}", "Content-Length: 0"])]
