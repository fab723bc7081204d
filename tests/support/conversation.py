"""A conversation with the server without a socket: bytes go in, bytes come out, and nothing else is left to chance."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence, Sized
from typing import cast

from mirror.server.connection import Connection
from mirror.server.protocol import RegistryServer


class Wire(asyncio.Transport):
    """Takes what is written, and tells the connection of its end."""

    def __init__(self, connection: Connection) -> None:
        super().__init__({"peername": ("127.0.0.1", 9)})
        self.written = b""
        self.closed = False
        self._connection = connection

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.written += b"".join(list_of_data)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """It has room for everything."""

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        """What a test sends comes all the same."""

    def resume_reading(self) -> None:
        """As it never paused."""

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            asyncio.get_running_loop().call_soon(self._connection.connection_lost, None)


async def spoken(server: RegistryServer, pieces: Sequence[bytes]) -> bytes:
    connection = cast(Connection, server())
    wire = Wire(connection)
    connection.connection_made(wire)
    for piece in pieces:
        await idle()
        if not wire.closed:
            connection.data_received(piece)
    await idle()
    wire.close()
    await idle()
    return wire.written


async def idle() -> None:
    """Let everything run that can, and no longer: of thousands of conversations that is what takes the time."""
    ready: Sized | None = getattr(asyncio.get_running_loop(), "_ready", None)  # uvloop does not tell
    for _ in range(30):
        await asyncio.sleep(0)
        if ready is not None and not ready:
            return
