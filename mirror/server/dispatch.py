"""From a request to its answer, and from any error to its own: the one place that catches everything.

What makes no sense is refused here, before anything is looked up and without a packet sent to anybody.
"""

from __future__ import annotations

import logging
import time

from aiohttp import HttpVersion10, HttpVersion11, web

from mirror.errors import Code, Malformed, MirrorError, Refused
from mirror.oci import endpoint as endpoints
from mirror.server.access import Access, RequestIds
from mirror.server.errors import error_response
from mirror.server.exchange import Exchange
from mirror.server.handlers import Handlers
from mirror.server.hot import HotAnswers

_READ = frozenset({"GET", "HEAD"})

_log = logging.getLogger(__name__)


class Dispatch:
    """The handler of the registry's server. `active`: requests being answered."""

    def __init__(self, handlers: Handlers, hot: HotAnswers, access: Access) -> None:
        self._handlers = handlers
        self._hot = hot
        self._access = access
        self._ids = RequestIds()
        self.active = 0

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer. Never raises but for its own cancellation, which means that the client has left."""
        began = time.perf_counter()
        exchange = Exchange(request, self._ids.next())
        status = 499  # what nginx calls a client that has left
        self.active += 1
        try:
            response: web.StreamResponse | None = None
            if _sound(request):
                response = self._hot.find(request, exchange)
            if response is None:
                response = await self._answer(exchange)
            status = response.status
            return response
        finally:
            self.active -= 1
            self._access.answered(exchange, status, time.perf_counter() - began)

    async def _answer(self, exchange: Exchange) -> web.StreamResponse:
        request = exchange.request
        try:
            if request.method not in _READ:
                raise Refused(code=Code.UNSUPPORTED)
            if not _sound(request):
                raise Malformed("a request that no client of a registry has reason to send")
            path, _, query = request.raw_path.partition("?")
            response = await self._handlers.answer(exchange, endpoints.parse(path), endpoints.parse_query(query))
            self._hot.offer(exchange, response)
            return response
        except MirrorError as error:
            response = error_response(exchange, error)
            if error.code in (Code.UNSUPPORTED, Code.BAD_REQUEST):
                response.force_close()  # whatever follows on this connection is not to be made sense of
            return response
        except Exception as error:  # noqa: BLE001
            _log.exception("request %s failed by a fault of ours", exchange.request_id, exc_info=error)
            return error_response(exchange, MirrorError(code=Code.INTERNAL))


def _sound(request: web.BaseRequest) -> bool:
    """A GET or HEAD without a body, and with a host where there has to be one (RFC 9112 section 3.2)."""
    if request.method not in _READ or request.can_read_body:
        return False
    return (request.version == HttpVersion11 and "Host" in request.headers) or request.version == HttpVersion10
