"""An answer whose bytes are known: written in one go, past the machinery that makes headers of dictionaries.

That machinery costs as much as all the rest of a small answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate
from time import time

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

LARGEST = 64 * 1024  # bytes of body: what fits into the buffer of a socket, so that no client makes us hold more


class PreparedResponse(web.StreamResponse):
    """200 with a body that is there. `head`: status line and headers up to those that differ each time."""

    def __init__(self, request: web.BaseRequest, head: bytes, body: bytes, request_id: str, age: int | None) -> None:
        # Not the constructor of the base class: nothing of what it makes is used.
        self._keep_alive = request.keep_alive
        self._status = 200
        tail = f"X-Request-ID: {request_id}\r\nDate: {_date()}\r\n"
        if age is not None:
            tail += f"Age: {age}\r\n"
        if not self._keep_alive:
            tail += "Connection: close\r\n"
        self._bytes = b"%b%b\r\n%b" % (head, tail.encode(), body)

    @property
    def prepared(self) -> bool:
        return False

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Write it. Waits, as any answer does, while the client has not taken earlier ones."""
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client has left")
        transport.write(self._bytes)
        if transport.get_write_buffer_size():
            await request.protocol._drain_helper()
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """There is no more to write."""


def head_of(headers: Mapping[str, str], skipped: frozenset[str], length: int) -> bytes:
    """The head of a 200 with these headers, but for those `skipped`, which are said each time."""
    lines = [f"{name}: {value}\r\n" for name, value in headers.items() if name.lower() not in skipped]
    return f"HTTP/1.1 200 OK\r\n{''.join(lines)}Content-Length: {length}\r\n".encode()


_date_second = 0
_date_text = ""


def _date() -> str:
    """`Date`, made once a second."""
    global _date_second, _date_text
    now = int(time())
    if now != _date_second:
        _date_second, _date_text = now, formatdate(now, usegmt=True)
    return _date_text
