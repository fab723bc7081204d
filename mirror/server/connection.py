"""One client's connection: aiohttp's, but that it lets nobody hold us up, and says what it knows without asking.

Left alone, aiohttp answers a malformed request with a page that repeats it, and waits for ever for a client that does
not read.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, cast

from aiohttp import web
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import RequestHandler

from mirror.errors import Code
from mirror.server.errors import error_body
from mirror.server.stall import Watch

if TYPE_CHECKING:
    from mirror.server.protocol import RegistryServer

_HEADER_LINE = 8190  # bytes of a request line, or of one header
_HEADERS = 64
_LINGER = 1.0  # seconds that what a client sends is thrown away, so that our answer arrives before the reset
_END = b"\r\n\r\n"  # of a request without a body
_TLS_BUFFER = 64 * 1024  # bytes: less than that, and each record would be waited for

_log = logging.getLogger(__name__)

_FULL = error_body(Code.BUSY)
_FULL_ANSWER = (
    b"HTTP/1.1 503 Service Unavailable\r\nServer: mirror\r\nDocker-Distribution-Api-Version: registry/2.0\r\n"
    b"Cache-Status: mirror; detail=busy\r\n"
    b"Content-Type: application/json\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b"
    % (len(_FULL), _FULL)
)


class Connection(RequestHandler):
    """One client's connection. While an answer waits for the client, nothing else of it is held in our memory."""

    __slots__ = ("_beginning", "_between", "_peer", "_server", "_watch", "alone")

    def __init__(self, server: RegistryServer) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=server.limits.keepalive,
            access_log=None,  # type: ignore[arg-type]  # ours is written where the answer is made
            max_line_size=_HEADER_LINE,
            max_field_size=_HEADER_LINE,
            max_headers=_HEADERS,
            lingering_time=_LINGER,
            auto_decompress=False,
            logger=_log,
        )
        self._server = server
        self._watch: Watch | None = None
        self._beginning: asyncio.TimerHandle | None = None
        self._between = True  # all that has come so far were whole requests, each alone and without a body
        self._peer = "-"
        self.alone: bytes | None = None  # the bytes of the last request, if it was such a one

    @property
    def waiting(self) -> int:
        """How many requests have come that are not answered to their last byte."""
        answering = self._waiter is None and self._request_count > len(self._messages) and self.transport is not None
        return len(self._messages) + answering

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        transport = cast(asyncio.Transport, transport)  # uvloop's are none by their class
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if isinstance(peer, (tuple, list)) else str(peer or "-")
        encrypted = transport.get_extra_info("sslcontext") is not None
        transport.set_write_buffer_limits(_TLS_BUFFER if encrypted else 0, 0)
        if self._server.full:
            self._turn_away(transport)

    def data_received(self, data: bytes) -> None:
        """What is known by its bytes is answered at once, if nothing is under way that it could overtake."""
        if not self._between:
            super().data_received(data)
            return
        if self._at_rest:
            answer = self._server.answering.again(data, self._peer)
            if answer is not None and self.transport is not None:
                self.transport.write(answer)
                self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
                return
        before = self._request_count
        super().data_received(data)
        self._between = (
            self._request_count == before + 1
            and data.find(_END) == len(data) - len(_END)
            and bool(self._messages)
            and self._messages[-1][1] is EMPTY_PAYLOAD
            and not self._upgraded
        )
        self.alone = data if self._between else None

    @property
    def _at_rest(self) -> bool:
        """Whether the next request is waited for, and the client has taken all that it was sent."""
        waiter = self._waiter
        return (
            waiter is not None and not waiter.done() and not self._paused and not self._close and not self._force_close
        )

    def eof_received(self) -> bool:  # type: ignore[override]  # aiohttp's always ends the connection
        """A client that has nothing more to say may still wait for its answer. With TLS there is no half of an end."""
        waiting = self.waiting
        if waiting == 1:
            self.close()  # after that answer; after several of them it ends as one that is idle
        if waiting == 0 or self.ssl_context is not None:
            return False
        self._expect_to_begin()
        return True

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.transport is not None:
            self._watch = Watch(self.transport, self._server.limits.stall, self.transport.abort)

    def resume_writing(self) -> None:
        self._unwatch()
        super().resume_writing()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._unwatch()
        if self._beginning is not None:
            self._beginning.cancel()
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  # it repeats what the client sent
    ) -> web.StreamResponse:
        """The answer to what is no HTTP; and to faults of ours outside the dispatch, of which there should be none."""
        if status >= 500:
            _log.error("a request failed outside its handler", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionResetError("the answer has begun already")
        return self._server.answering.reject(request, Code.BAD_REQUEST if status < 500 else Code.INTERNAL)

    @property
    def _reached(self) -> int:
        """The number of the request that is being answered."""
        return self._request_count - len(self._messages)

    @property
    def _has_begun(self) -> bool:
        """Whether something of the answer that is under way has gone out."""
        request = self._current_request
        return self.writing_paused or (request is not None and request.writer.output_size > 0)

    def _expect_to_begin(self) -> None:
        self._beginning = self._loop.call_later(self._server.limits.begin, self._look_whether_begun, self._reached)

    def _look_whether_begun(self, reached: int) -> None:
        """Let a client go that has said all, and to whom nothing was said since: it may have left.

        The two look alike until something is sent, and to wait for an upstream would keep places from others.
        """
        if self.transport is None or self.waiting == 0:
            return
        if reached == self._reached and not self._has_begun:
            self.transport.abort()
        else:
            self._expect_to_begin()

    def _turn_away(self, transport: asyncio.Transport) -> None:
        """Say that there are too many. Closing at once would reset the connection under the client's request."""
        self._server.refused += 1
        transport.write(_FULL_ANSWER)
        if transport.can_write_eof():
            transport.write_eof()
        self.close()
        self._loop.call_later(_LINGER, self.force_close)

    def _unwatch(self) -> None:
        if self._watch is not None:
            self._watch.end()
            self._watch = None
