"""The HTTP server: aiohttp's, with our limits, and with our own words for what it cannot parse.

aiohttp answers a malformed request with a page that repeats it, and writes a traceback for it to the log.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiohttp import http_parser, web
from aiohttp.web_protocol import RequestHandler

from mirror.errors import Code
from mirror.server.errors import error_body

_HEADER_LINE = 8190  # bytes of a request line, or of one header
_HEADERS = 64
_LINGER = 1.0  # seconds that a refused body is read and thrown away, so that the answer arrives before the reset

_log = logging.getLogger(__name__)

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class RegistryServer(web.Server):
    """Makes each connection's protocol. `limit`: how many there may be; `keepalive`: seconds that one may be idle."""

    def __init__(self, handler: Handler, limit: int, keepalive: float) -> None:
        """Raises RuntimeError where aiohttp lacks its C parser: most of its request smuggling was in the other one."""
        if http_parser.HttpRequestParser is http_parser.HttpRequestParserPy:
            raise RuntimeError("aiohttp was built without its C extension: its other parser is not safe to serve with")
        super().__init__(handler, handler_cancellation=True)
        self._limit = limit
        self._keepalive = keepalive
        self.active = 0

    @property
    def full(self) -> bool:
        return len(self._connections) > self._limit

    def __call__(self) -> RequestHandler:
        return _Connection(
            self,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=self._keepalive,
            access_log=None,  # type: ignore[arg-type]  # ours is written where the answer is made
            max_line_size=_HEADER_LINE,
            max_field_size=_HEADER_LINE,
            max_headers=_HEADERS,
            lingering_time=_LINGER,
            auto_decompress=False,
            logger=_log,
        )


_FULL = error_body(Code.BUSY)
_FULL_ANSWER = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 5\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_FULL), _FULL)
)


class _Connection(RequestHandler):
    """One client's connection."""

    __slots__ = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        manager = self._manager
        if isinstance(manager, RegistryServer) and manager.full and isinstance(transport, asyncio.Transport):
            transport.write(_FULL_ANSWER)
            self.force_close()

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
        code = Code.BAD_REQUEST if status < 500 else Code.INTERNAL
        response = web.Response(
            status=code.status, headers={"Content-Type": "application/json", "Server": "mirror"}, body=error_body(code)
        )
        response.force_close()
        return response
