"""An HTTP proxy that makes tunnels (CONNECT, RFC 9110 section 9.3.6), all of them to ports of this machine."""

from __future__ import annotations

import asyncio
from typing import Self

from tests.support.listener import Listener
from tests.support.wire import Seen, read_request

_PIECE = 64 * 1024


class TunnelProxy:
    """`async with TunnelProxy() as proxy:` serves at `proxy.url`; `requests` and `passed` (bytes) are what it saw."""

    def __init__(self) -> None:
        self.requests: list[Seen] = []
        self.passed = bytearray()
        self._listener = Listener(self._serve, "127.0.0.1")

    async def __aenter__(self) -> Self:
        await self._listener.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._listener.aclose()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen = await read_request(reader, "proxy")
        if seen is None or seen.method != "CONNECT":
            return
        self.requests.append(seen)
        there, to_there = await asyncio.open_connection("127.0.0.1", int(seen.target.rpartition(":")[2]))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            await asyncio.gather(self._pass_on(reader, to_there), self._pass_on(there, writer))
        finally:
            to_there.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(_PIECE):
            self.passed += piece
            writer.write(piece)
            await writer.drain()
        writer.close()
