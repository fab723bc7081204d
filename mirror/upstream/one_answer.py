"""Connections that hear one answer for each request, to its end: what a server says besides is never an answer.

Knows no registry. RFC 9112, section 6.3: what follows a complete answer must not be taken for another one. aiohttp
keeps it for whoever is next on the connection (3.14); such a connection is closed here, and not used again.
"""

from __future__ import annotations

import asyncio
import functools
import math
import re
import select
from collections.abc import Callable
from typing import Any

import aiohttp
from aiohttp import ClientPayloadError
from aiohttp.abc import AbstractResolver
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import RawResponseMessage
from aiohttp.http_exceptions import BadHttpMessage
from aiohttp.streams import StreamReader

_KEEP_ALIVE = 30.0  # seconds that an unused connection is kept
_no_blank_line = re.compile(rb"[^\r\n]").search
_end_of_head = re.compile(rb"\n\r?\n").search  # as lenient as the parser is

OnSurplus = Callable[[str], None]  # is told the address of who said too much


class OneAnswer(ResponseHandler):
    """One connection. The parser is given an answer piece by piece, and nothing beyond its end.

    Where an answer ends the parser says, by its head; only a chunked body, whose end is found by parsing it, is
    judged when it is over.
    """

    def __init__(self, on_surplus: OnSurplus, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._on_surplus = on_surplus
        self._awaits_head = False
        self._due: float = 0  # bytes of the body that may still come
        self._body: StreamReader | None = None  # the answer's
        self._last = b""  # of what the parser was given of a head or a body, the last bytes
        self._held_back = False  # TLS may still hold what has come
        self._refused = False
        self._unread = select.poll()  # what has come that the event loop has not seen yet

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._unread.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def set_response_params(self, **parameters: Any) -> None:
        """A request is about to be sent."""
        self._awaits_head, self._due, self._body, self._last = not self._refused, 0, None, b""
        super().set_response_params(**parameters)

    def is_connected(self) -> bool:
        """Whether it can be used; while no answer is due it cannot when there is something to read, if only its end."""
        if self._refused or not super().is_connected():
            return False
        return self._awaits_head or self._due > 0 or not (self._held_back or self._unread.poll(0))

    def resume_reading(self, resume_parser: bool = True) -> None:
        """There is room again. What TLS has held back comes with the loop's next turn, not before."""
        if self._reading_paused:
            self._held_back = True
            super().resume_reading(resume_parser)
            self._loop.call_soon(self._handed_on)
        else:
            super().resume_reading(resume_parser)

    def feed_data(self, data: tuple[RawResponseMessage, StreamReader], size: int = 0) -> None:
        """The parser has read a head: an interim one (1xx), or the answer's, of which there is one."""
        if self._body is not None:
            self._refuse()
            return
        message, body = data
        if not 100 <= message.code < 200 or message.code == 101:  # as aiohttp tells an interim one
            self._awaits_head, self._due, self._body = False, _length(message, body), body
        super().feed_data(data, size)

    def data_received(self, data: bytes) -> None:
        """Bytes have come, or (b"") there is room for those that had come before."""
        at = 0
        while self._awaits_head and at < len(data):
            at = self._head_received(data, at)
            if not super().is_connected():
                return  # it was no HTTP
        body = data[at:] if at else data
        if len(body) > self._due:
            body = body[: int(self._due)]
            self._refuse()  # before the body's end gives the connection back
        if body or not data:
            self._parse(body)

    def _head_received(self, data: bytes, at: int) -> int:
        """Parses the head that begins or goes on at `at`, to its end or that of `data`, and tells where that is."""
        if not self._last:
            begun = _no_blank_line(data, at)
            at = len(data) if begun is None else begun.start()
        before = self._last[-2:]
        over_the_seam = _end_of_head(before + data[at : at + 2])
        within = over_the_seam or _end_of_head(data, at)
        if over_the_seam is not None:
            end = at + over_the_seam.end() - len(before)
        else:
            end = len(data) if within is None else within.end()
        self._parse(data[at:end])
        if within is not None:
            self._last = b""
        elif self._body is not None:
            self._refuse()  # the parser has seen an end where there is none: where the body ends is anybody's guess
        return end

    def _parse(self, piece: bytes) -> None:
        if self._body is not None:
            self._due -= len(piece)
        self._last = piece[-3:] if len(piece) > 2 else (self._last + piece)[-3:]
        super().data_received(piece)
        if self.exception() is not None:
            self._end_body()
        if self._due == math.inf and self._body is not None and self._body.is_eof():
            self._due = 0
            # A chunked body ends in an empty line. What follows it and does so too is a head, which `feed_data` sees.
            if not self._last.endswith(b"\n\r\n"):
                self._refuse()

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._end_body()

    def _end_body(self) -> None:
        """Tell who reads that there will be no more: aiohttp forgets that where the parser has refused to go on."""
        body = self._body
        if body is not None and not body.is_eof() and body.exception() is None:
            body.set_exception(ClientPayloadError("a body that makes no sense, or has no end"))

    def _handed_on(self) -> None:
        self._held_back = False

    def _refuse(self) -> None:
        """Never use this connection again. An answer that has come to its end is still read."""
        self.force_close()
        if not self._refused:
            self._refused = True
            self._on_surplus(_address(self.transport))
        if self._parser is None:
            self.set_exception(BadHttpMessage("an answer before there was a request"))
        elif self.transport is not None and (self._body is None or self._body.is_eof()):
            self._loop.call_soon(self.transport.abort)  # this may be TLS handing on its last before it closes


class Connector(aiohttp.TCPConnector):
    """Makes and keeps such connections. `on_surplus` is told of each that said more than it was asked, once."""

    def __init__(
        self, on_surplus: OnSurplus, resolver: AbstractResolver | None, sockets: aiohttp.SocketFactoryType | None
    ) -> None:
        super().__init__(
            limit=0,  # whose turn it is has been decided before
            keepalive_timeout=_KEEP_ALIVE,
            resolver=resolver,
            socket_factory=sockets,
        )
        made = self._factory  # no such thing in an aiohttp to come is an error here, not a hole
        hearing: Callable[..., ResponseHandler] = functools.partial(OneAnswer, on_surplus)
        self._factory = functools.partial(hearing, *made.args, **made.keywords)


def _length(message: RawResponseMessage, body: StreamReader) -> float:
    """How many bytes are due after the head; infinity when only parsing tells, or the connection's end."""
    if body.is_eof():
        return 0
    told = message.headers.get("Content-Length")
    # The parser has read it as a number; int() refuses one with thousands of zeros before it.
    return math.inf if message.chunked or told is None else int(told.strip().lstrip("0") or 0)


def _address(transport: asyncio.Transport | None) -> str:
    peer = None if transport is None else transport.get_extra_info("peername")
    return "unknown" if not peer else f"{peer[0]} port {peer[1]}"
