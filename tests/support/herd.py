"""Many HTTP clients in one loop that cost little: they compare what comes with what should, and keep none of it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

_ESTABLISHED = 1  # of the states in the kernel's tcp_states.h: the first byte of its struct tcp_info
_TURN = 256 * 1024
_MIB = 1024**2
_RECEIVED = bytearray(_TURN)  # shared: what has arrived is looked at before anybody else receives


class Visitor(asyncio.BufferedProtocol):
    """One client on a connection of its own, which asks for one thing. Made by `visit`.

    `first` is set with the first byte of the body, `over` at its end; `got` counts the body's bytes, `right` is whether
    each of them was the one that should have stood there.
    """

    def __init__(self, path: str, expected: bytes) -> None:
        self.first = asyncio.Event()
        self.over = asyncio.Event()
        self.got = 0
        self.right = True
        self.length = 0  # as announced
        self.status = 0
        self._path = path
        self._expected = expected
        self._head = bytearray()
        self._sipped = asyncio.Event()
        self._transport: asyncio.Transport | None = None

    @property
    def satisfied(self) -> bool:
        """It has got all that was announced, and exactly what it should."""
        return self.status == 200 and self.right and self.got == self.length == len(self._expected)

    @property
    def connected(self) -> bool:
        """Whether nobody has ended the connection, as the kernel knows even while nothing is taken."""
        told = self._connection.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
        return bool(told[0] == _ESTABLISHED)

    def pause(self) -> None:
        """Take nothing any more, until `resume`."""
        self._connection.pause_reading()

    def resume(self) -> None:
        self._connection.resume_reading()

    async def sip(self) -> None:
        """Take what comes next, and then nothing again."""
        self._sipped.clear()
        self.resume()
        await self._sipped.wait()
        if not self.over.is_set():
            self.pause()

    def leave(self) -> None:
        self._connection.abort()

    # what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("not a TCP connection")
        self._transport = transport
        transport.write(f"GET {self._path} HTTP/1.1\r\nHost: mirror.test\r\n\r\n".encode())

    def get_buffer(self, sizehint: int) -> bytearray:
        return _RECEIVED

    def buffer_updated(self, nbytes: int) -> None:
        start = 0 if self.status else self._read_head(nbytes)
        if not self.status or start == nbytes:
            return
        count = nbytes - start
        self.right = self.right and _RECEIVED[start:nbytes] == self._expected[self.got : self.got + count]
        self.got += count
        self.first.set()
        self._sipped.set()
        if self.got >= self.length:
            self._connection.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.over.set()
        self._sipped.set()

    @property
    def _connection(self) -> asyncio.Transport:
        if self._transport is None:
            raise RuntimeError("not connected")
        return self._transport

    def _read_head(self, nbytes: int) -> int:
        """Where the body begins in what has just been received; all of it is head until the head is there."""
        before = len(self._head)
        self._head += _RECEIVED[:nbytes]
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            return nbytes
        first, *lines = self._head[:end].decode("latin-1").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self.status, self.length = int(first.split(" ")[1]), int(fields["content-length"])
        return end + 4 - before


async def visit(address: tuple[str, int], path: str, expected: bytes, window: int | None = None) -> Visitor:
    """A client that has just asked. `window`: bytes that the system takes for it while it takes none, roughly."""
    loop = asyncio.get_running_loop()
    connection = socket.socket()
    connection.setblocking(False)
    try:
        if window is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        await loop.sock_connect(connection, address)
        _, visitor = await loop.create_connection(lambda: Visitor(path, expected), sock=connection)
    except BaseException:
        connection.close()
        raise
    return visitor


def patterned(megabytes: int) -> bytes:
    """Bytes of which no two megabytes are the same, made in no time."""
    block = bytes(range(256)) * (_MIB // 256 - 1)
    return b"".join(number.to_bytes(256, "big") + block for number in range(megabytes))


async def until_over(visitors: Sequence[Visitor], seconds: float) -> None:
    """Wait until every one of them has come to an end; TimeoutError after so many seconds."""
    async with asyncio.timeout(seconds):
        for visitor in visitors:
            await visitor.over.wait()
