"""A client's connection that says at once what it knows: without waking anybody, and without overtaking anything.

A request that came before in the same bytes is not even parsed; one that is answered from memory is parsed, by the one
parser there is, but nothing is made of it: request, task and response of aiohttp cost more than the answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import RequestHandler

from mirror.server.heading import LARGEST

if TYPE_CHECKING:
    from mirror.server.protocol import RegistryServer

_END = b"\r\n\r\n"  # of a request without a body


class Swift(RequestHandler):
    """What is not known goes the way of all requests. The class that is made of it sets `server` and `_peer`."""

    __slots__ = ("_between", "_peer", "server")

    server: RegistryServer
    _peer: str
    _between: bool  # all that has come so far were whole requests, each alone, of no great size and without a body

    def data_received(self, data: bytes) -> None:
        """Answer, or have answered, what has come."""
        waiter = self._waiter
        if waiter is None or not self._between or not self._at_rest:
            self._parse(data)
            return
        answer = self.server.answering.again(data, self._peer)
        if answer is not None:
            self._say(answer)
            return
        self._waiter = None  # so that nobody is woken yet
        try:
            self._parse(data)
        finally:
            self._waiter = waiter
        if self._between and self._is_answered(data):
            return
        if self._messages and not waiter.done():
            waiter.set_result(None)

    @property
    def _at_rest(self) -> bool:
        """Whether the next request is waited for, and the client has taken all that it was sent."""
        waiter = self._waiter
        return (
            waiter is not None
            and not waiter.done()
            and not self._messages
            and not self._paused
            and not self._close
            and not self._force_close
        )

    def _parse(self, data: bytes) -> None:
        before = self._request_count
        super().data_received(data)
        self._between = (
            self._between
            and self._request_count == before + 1
            and len(data) <= LARGEST
            and data.find(_END) == len(data) - len(_END)
            and bool(self._messages)
            and self._messages[-1][1] is EMPTY_PAYLOAD
            and not self._upgraded
        )

    def _is_answered(self, data: bytes) -> bool:
        """Answer the one request that has come, if that can be done from memory."""
        message = self._messages[-1][0]
        if not isinstance(message, RawRequestMessage) or self._parser is None:
            return False
        answer = self.server.answering.heard(message, data, self._peer)
        if answer is None:
            return False
        self._messages.pop()
        self._parser.message_consumed()
        self._say(answer)
        return True

    def _say(self, answer: bytes) -> None:
        if self.transport is not None:
            self.transport.write(answer)
            self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
