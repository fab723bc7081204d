"""From a request to its answer, and from any error to its own: the one place that catches everything.

What makes no sense is refused here, before anything is looked up and without a packet sent to anybody.
"""

from __future__ import annotations

import asyncio
import logging
import time

from aiohttp import web
from aiohttp.http_parser import RawRequestMessage

from mirror.errors import Code, Malformed, MirrorError, Refused
from mirror.log import tracing
from mirror.oci import endpoint as endpoints
from mirror.server.access import Access, RequestIds
from mirror.server.errors import error_response
from mirror.server.exchange import Exchange
from mirror.server.handlers import Handlers
from mirror.server.heard import is_sound
from mirror.server.hot import HotAnswers
from mirror.server.prepared import prepare_last
from mirror.server.repeats import Repeats

_READ = frozenset({"GET", "HEAD"})

_log = logging.getLogger(__name__)


class Dispatch:
    """What answers the registry's requests."""

    def __init__(self, handlers: Handlers, hot: HotAnswers, access: Access) -> None:
        self._handlers = handlers
        self._hot = hot
        self._access = access
        self._ids = RequestIds()
        self._repeats = Repeats(hot, access, self._ids)

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer. Never raises but for its own cancellation, which means that the client has left."""
        began = time.perf_counter()
        exchange = Exchange(request, self._ids.next())
        status = 499  # what nginx calls a client that has left
        try:
            response: web.StreamResponse | None
            if is_sound(request) and not request.body_exists:
                response = self._hot.find(request, exchange)
                if response is None:
                    with tracing.entered(exchange.request_id):
                        response = await self._answer(exchange)
            else:
                response = self._refuse(exchange)
            status = response.status
            return response
        except asyncio.CancelledError:
            exchange.reason = "the connection has ended"
            raise
        finally:
            self._access.answered(exchange, status, time.perf_counter() - began)

    def again(self, data: bytes, peer: str) -> bytes | None:
        """The whole answer to a whole request, if it has come in the same bytes before and the answer holds."""
        return self._repeats.answer(data, peer)

    def heard(self, message: RawRequestMessage, data: bytes, peer: str) -> bytes | None:
        """The whole answer to a request that is the whole of `data`, and has no body, if it is in memory and holds."""
        return self._repeats.heard(message, data, peer)

    def reject(self, request: web.BaseRequest, code: Code) -> web.StreamResponse:
        """The answer to what is no request, or has failed outside of here. The connection ends with it."""
        exchange = Exchange(request, self._ids.next())
        response = _last_answer(exchange, MirrorError(code=code))
        self._access.answered(exchange, response.status, 0.0)
        return response

    def reject_tls(self, request: web.BaseRequest) -> web.StreamResponse:
        """The same answer as to what is no request; before each pull over plain HTTP, so it is no line of the log."""
        exchange = Exchange(request, self._ids.next())
        _log.debug("%s begins with TLS, which is not spoken here; most come again without", request.remote)
        return _last_answer(exchange, MirrorError(code=Code.BAD_REQUEST))

    async def _answer(self, exchange: Exchange) -> web.StreamResponse:
        request = exchange.request
        try:
            path, _, query = request.raw_path.partition("?")
            response = await self._handlers.answer(exchange, endpoints.parse(path), endpoints.parse_query(query))
            self._hot.offer(exchange, response)
            return response
        except MirrorError as error:
            if error.code is Code.BAD_REQUEST:
                return _last_answer(exchange, error)
            return error_response(exchange, error)
        except Exception as error:  # noqa: BLE001
            _log.exception("request %s failed by a fault of ours", exchange.request_id, exc_info=error)
            if request.writer.output_size and request.transport is not None:
                request.transport.abort()  # an answer has begun, and nothing else can be said in its midst
            return error_response(exchange, MirrorError(code=Code.INTERNAL))

    def _refuse(self, exchange: Exchange) -> web.StreamResponse:
        if exchange.request.method not in _READ:
            return _last_answer(exchange, Refused(code=Code.UNSUPPORTED))
        return _last_answer(exchange, Malformed("a request that no client of a registry has reason to send"))


def _last_answer(exchange: Exchange, error: MirrorError) -> web.StreamResponse:
    """Whatever follows on this connection is not to be made sense of."""
    return prepare_last(exchange.request, error_response(exchange, error))
