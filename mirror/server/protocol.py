"""The HTTP server: aiohttp's, with our limits on what clients may take of us. Knows nothing of what goes over one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from aiohttp import http_parser, web
from aiohttp.web_protocol import RequestHandler

from mirror.errors import Code
from mirror.server.connection import Connection


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """`connections` at a time; seconds that one may be idle (`keepalive`), or take nothing of an answer (`stall`).

    `begin`: seconds that one which has said all is held for an answer that does not begin.
    """

    connections: int
    keepalive: float
    stall: float
    begin: float = 1.5


class Answering(Protocol):
    """What the answers come from."""

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer to a request."""
        ...

    def again(self, data: bytes, peer: str) -> bytes | None:
        """The whole answer to a whole request of the client at `peer`, if it is known by its bytes."""
        ...

    def reject(self, request: web.BaseRequest, code: Code) -> web.StreamResponse:
        """The answer to what has not come to be a request."""
        ...


class RegistryServer(web.Server):
    """Makes each connection's protocol."""

    def __init__(self, answering: Answering, limits: ClientLimits) -> None:
        """Raises RuntimeError where aiohttp lacks its C parser: most of its request smuggling was in the other one."""
        if http_parser.HttpRequestParser is http_parser.HttpRequestParserPy:
            raise RuntimeError("aiohttp was built without its C extension: its other parser is not safe to serve with")
        super().__init__(answering, handler_cancellation=True)
        self.answering = answering
        self.limits = limits
        self.refused = 0  # connections

    @property
    def full(self) -> bool:
        return len(self._connections) > self.limits.connections

    @property
    def busy(self) -> int:
        """On how many connections a request is being answered, up to the last byte handed to the kernel."""
        return sum(map(_is_busy, self._connections))

    def pre_shutdown(self) -> None:
        """Take no more requests: idle connections are closed now, the others after the answer that they are at."""
        for connection in self.connections:
            if _is_busy(connection):
                connection.close()
            else:
                connection.force_close()

    def __call__(self) -> RequestHandler:
        return Connection(self)


def _is_busy(connection: RequestHandler) -> bool:
    return isinstance(connection, Connection) and connection.waiting > 0
