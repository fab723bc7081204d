"""Answers whose bytes are known: written in one go, past the machinery that makes headers of dictionaries.

That machinery costs as much as all the rest of a small answer, and repeats the version of HTTP that a client names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import formatdate
from time import time

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

_BEYOND_A_LINE = re.compile(r"[\r\n\0]")
_CLOSE = b"Connection: close\r\n"
LARGEST = 64 * 1024  # bytes of body that are written in one go, and held in memory for a client that does not read


class PreparedResponse(web.StreamResponse):
    """`whole`: the answer from its status line to its last byte. The connection ends with it unless `keep_alive`."""

    def __init__(self, status: int, whole: bytes, keep_alive: bool) -> None:
        # Not the constructor of the base class: nothing of what it makes is used.
        self._status = status
        self._keep_alive = keep_alive
        self._whole = whole

    @property
    def prepared(self) -> bool:
        return False

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Write it, and wait until the client has room for all of it."""
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client has left")
        transport.write(self._whole)
        if request.protocol.writing_paused:
            await request.writer.drain()
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """There is no more to write."""


def prepare_again(request: web.BaseRequest, head: bytes, body: bytes) -> PreparedResponse:
    """200 with this head, which lacks the empty line at its end, and this body."""
    keep_alive = request.keep_alive
    return PreparedResponse(200, b"%b%b\r\n%b" % (head, b"" if keep_alive else _CLOSE, body), keep_alive)


def last_lines(request_id: str, age: int | None) -> bytes:
    """The headers that differ from one answer to the next."""
    if age is None:
        return f"X-Request-ID: {request_id}\r\nDate: {_date()}\r\n".encode()
    return f"X-Request-ID: {request_id}\r\nDate: {_date()}\r\nAge: {age}\r\n".encode()


def prepare_last(request: web.BaseRequest, response: web.Response) -> PreparedResponse:
    """The same answer with nothing to follow it, in our version of HTTP whatever the client has named."""
    body = response.body if isinstance(response.body, bytes) else b""
    head = (
        f"HTTP/1.1 {response.status} {response.reason}\r\n{_lines(response.headers)}"
        f"Content-Length: {len(body)}\r\nDate: {_date()}\r\nConnection: close\r\n\r\n"
    )
    return PreparedResponse(response.status, head.encode() + (b"" if request.method == "HEAD" else body), False)


def head_of(headers: Mapping[str, str], skipped: frozenset[str], length: int) -> bytes:
    """The head of a 200 with these headers, but for those `skipped`, which are said each time.

    Raises ValueError for one that would be more than a line, as aiohttp does.
    """
    return f"HTTP/1.1 200 OK\r\n{_lines(headers, skipped)}Content-Length: {length}\r\n".encode()


def _lines(headers: Mapping[str, str], skipped: frozenset[str] = frozenset()) -> str:
    lines = [f"{name}: {value}" for name, value in headers.items() if name.lower() not in skipped]
    if any(_BEYOND_A_LINE.search(line) for line in lines):
        raise ValueError("a header holds a line break or a null byte")
    return "".join(f"{line}\r\n" for line in lines)


_date_second = 0
_date_text = ""


def _date() -> str:
    """`Date`, made once a second."""
    global _date_second, _date_text
    now = int(time())
    if now != _date_second:
        _date_second, _date_text = now, formatdate(now, usegmt=True)
    return _date_text
