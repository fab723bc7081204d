"""One client's connection: aiohttp's, but that it lets nobody hold us up, and says what it knows without asking.

Left alone, aiohttp answers a malformed request with a page that repeats it, and waits for ever for a client that does
not read.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, cast

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage
from aiohttp.http_parser import HttpRequestParser
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_protocol import RequestPayloadError, _ErrInfo

from mirror.errors import Code
from mirror.server.admission import address_of
from mirror.server.full import FULL_ANSWER
from mirror.server.heading import Heading, is_too_long
from mirror.server.stall import Pace, Watch
from mirror.server.swift import Swift

if TYPE_CHECKING:
    from mirror.server.protocol import RegistryServer

_HEADER_LINE = 8190  # bytes of a request line, or of one header
_HEADERS = 64
_QUEUED = 8  # requests of a client that wait for their turn; then it is not listened to any more
_BUFFER = 64 * 1024  # bytes of a body that are held; nobody has a reason to send one
_LINGER = 1.0  # seconds that what a client sends is thrown away, so that our answer arrives before the reset
_TLS_BUFFER = 64 * 1024  # bytes: less than that, and each record would be waited for
_TURNED_AWAY = 128  # connections at a time that hear why; a flood of them is cut off without a word

_HANDSHAKE = b"\x16\x03"  # how TLS begins, in any version: RFC 8446, section 5.1

_log = logging.getLogger(__name__)


class Connection(Swift):
    """One client's connection. While an answer waits for the client, nothing else of it is held in our memory."""

    __slots__ = ("_admitted", "_beginning", "_body", "_heading", "_tries_tls", "_watch")

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
            read_bufsize=_BUFFER,
            auto_decompress=False,
            logger=_log,
        )
        # As aiohttp's own, but that fewer requests wait in it.
        self._max_msg_queue_size, self._msg_queue_resume_size = _QUEUED, _QUEUED // 2
        self._parser = HttpRequestParser(
            self,
            self._loop,
            _BUFFER,
            max_line_size=_HEADER_LINE,
            max_field_size=_HEADER_LINE,
            max_headers=_HEADERS,
            payload_exception=RequestPayloadError,
            auto_decompress=False,
            max_msg_queue_size=_QUEUED,
        )
        self.server = server
        self._admitted = False
        self._watch: Watch | None = None
        self._heading: Heading | None = None
        self._body: StreamReader = EMPTY_PAYLOAD  # of the last request
        self._beginning: asyncio.TimerHandle | None = None
        self._between = True
        self._tries_tls = False
        self._peer = "-"

    @property
    def watch(self) -> Watch:
        """What looks after this client while it is waited for."""
        if self._watch is None:
            if self.transport is None:
                raise ConnectionResetError("the client has left")
            limits = self.server.limits
            self._watch = Watch(self.transport, Pace(limits.stall, limits.rate))
        return self._watch

    @property
    def waiting(self) -> int:
        """How many requests have come that are not answered to their last byte."""
        answering = self._waiter is None and self._request_count > len(self._messages) and self.transport is not None
        return len(self._messages) + answering

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        transport = cast(asyncio.Transport, transport)  # uvloop's are none by their class
        if self.server.leaving:
            self.server.turned_away += 1
            transport.abort()
            return
        self._peer = address_of(transport.get_extra_info("peername"))
        encrypted = transport.get_extra_info("sslcontext") is not None
        transport.set_write_buffer_limits(_TLS_BUFFER if encrypted else 0, 0)
        self._admitted = self.server.admission.enter(self._peer)
        if not self._admitted:
            self.server.turned_away += 1
            self._turn_away(transport)

    def data_received(self, data: bytes) -> None:
        """Small answers to others are not to wait for long turns; heads are bounded, and then it is answered."""
        if not self._admitted:
            return  # all that there is to say has been said
        self.server.turns.disturb(id(self))
        before, in_body = self._request_count, not self._body.is_eof()
        super().data_received(data)
        came = self._request_count - before
        if (came or not in_body) and not self._between:
            self._look_at_heads(data, came)

    def _look_at_heads(self, data: bytes, came: int) -> None:
        """Bound the head that is on its way, and those of the `came` requests that are whole since these bytes."""
        heading, messages = self._heading, self._messages
        if heading is None:
            heading = self._heading = Heading(self.server.limits.head, self.force_close)
            self._tries_tls = data.startswith(_HANDSHAKE) and self.ssl_context is None
        if not came:
            if data and not heading.goes_on(data, self.waiting == 0):
                self._refuse_from(len(messages))
            return
        self._body = messages[-1][1]
        if heading.may_be_large(data):
            new = range(len(messages) - came, len(messages))
            too_long = next((number for number in new if is_too_long(messages[number][0])), None)
            if too_long is not None:
                self._refuse_from(too_long)
        heading.is_whole(data)

    def _refuse_from(self, number: int) -> None:
        """Take that request in the queue, and all after it, for what is no HTTP: its answer is the last."""
        while len(self._messages) > number:
            self._messages.pop()
            self._request_count -= 1
        self._messages.append((_ErrInfo(400, BadHttpMessage(""), ""), EMPTY_PAYLOAD))
        self._request_count += 1
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def eof_received(self) -> bool:  # type: ignore[override]  # aiohttp's always ends the connection
        """A client that has nothing more to say may still wait for its answer. With TLS there is no half of an end."""
        if not self._body.is_eof():
            self._body.feed_eof()  # for whoever waits for the rest of it
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
            self.watch.begin(self.transport.abort)

    def resume_writing(self) -> None:
        self._unwatch()
        super().resume_writing()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._unwatch()
        if self._heading is not None:
            self._heading.end()
        if self._beginning is not None:
            self._beginning.cancel()
        if self._admitted:
            self.server.admission.leave(self._peer)
            self._admitted = False
        else:
            self.server.turned_away -= 1
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
        if self._tries_tls:
            return self.server.answering.reject_tls(request)
        return self.server.answering.reject(request, Code.BAD_REQUEST if status < 500 else Code.INTERNAL)

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
        self._beginning = self._loop.call_later(self.server.limits.begin, self._look_whether_begun, self._reached)

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
        transport.write(FULL_ANSWER)
        if self.server.turned_away > _TURNED_AWAY:
            transport.abort()
            return
        if transport.can_write_eof():
            transport.write_eof()
        self.close()
        self._loop.call_later(_LINGER, self.force_close)

    def _unwatch(self) -> None:
        if self._watch is not None:
            self._watch.end()
