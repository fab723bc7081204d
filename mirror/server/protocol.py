"""The HTTP server: aiohttp's, with our limits on what clients may take of us. Knows nothing of what goes over one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self

from aiohttp import http_parser, web
from aiohttp.http_parser import RawRequestMessage
from aiohttp.web_protocol import RequestHandler

from mirror.config.settings import Limits
from mirror.errors import Code
from mirror.server.admission import Admission
from mirror.server.connection import Connection
from mirror.server.turns import Turns


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """`connections` at a time, of which `per_client` from one place; seconds that one may be idle (`keepalive`).

    `rate`: bytes a second that a client has to take on average, looked at every `stall` seconds that it is waited for;
    something it has to take in any case. `head`: seconds for a request's head, from its first byte to its last.
    `begin`: seconds that one which has said all is held for an answer that does not begin.
    """

    connections: int
    keepalive: float
    stall: float
    begin: float = 1.5
    rate: float = 0.0
    head: float = 15.0
    per_client: int = sys.maxsize

    @classmethod
    def configured(cls, limits: Limits) -> Self:
        """As the operator has written them."""
        return cls(
            limits.connections,
            limits.keepalive,
            limits.client_stall,
            rate=limits.client_rate,
            head=limits.client_head,
            per_client=limits.connections_per_client,
        )


class Answering(Protocol):
    """What the answers come from."""

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer to a request."""
        ...

    def again(self, data: bytes, peer: str) -> bytes | None:
        """The whole answer to a whole request of the client at `peer`, if it is known by its bytes."""
        ...

    def heard(self, message: RawRequestMessage, data: bytes, peer: str) -> bytes | None:
        """The whole answer to a request that is the whole of `data`, and has no body, if it can be given at once."""
        ...

    def reject(self, request: web.BaseRequest, code: Code) -> web.StreamResponse:
        """The answer to what has not come to be a request."""
        ...

    def reject_tls(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer to a client that begins with TLS, which is not spoken here: as to all that is no request."""
        ...


class RegistryServer(web.Server):
    """Makes each connection's protocol."""

    def __init__(
        self, answering: Answering, limits: ClientLimits, exempt: Callable[[str], bool] = lambda _: False
    ) -> None:
        """`exempt` says of an address whether it may hold more connections than a client may.

        Raises RuntimeError where aiohttp lacks its C parser: most of its request smuggling was in the other one.
        """
        if http_parser.HttpRequestParser is http_parser.HttpRequestParserPy:
            raise RuntimeError("aiohttp was built without its C extension: its other parser is not safe to serve with")
        super().__init__(answering, handler_cancellation=True)
        self.answering = answering
        self.limits = limits
        self.admission = Admission(limits.connections, limits.per_client, exempt)
        self.turns = Turns()
        self.turned_away = 0  # connections that are there and not held, of which each hears why
        self.leaving = False

    @property
    def busy(self) -> int:
        """On how many connections a request is being answered, up to the last byte handed to the kernel."""
        return sum(map(_is_busy, self._connections))

    def pre_shutdown(self) -> None:
        """Take no more requests: idle connections are closed now, the others after the answer that they are at.

        What has been accepted and is not made a connection yet, which takes asyncio two turns, is closed then.
        """
        self.leaving = True
        for connection in self.connections:
            if _is_busy(connection):
                connection.close()
            else:
                connection.force_close()

    def __call__(self) -> RequestHandler:
        return Connection(self)


def _is_busy(connection: RequestHandler) -> bool:
    return isinstance(connection, Connection) and connection.waiting > 0
