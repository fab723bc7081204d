"""One line of the log for each request that was made to an upstream, tied by its id to the request of the client.

What was answered from the cache alone has none. Knows no upstream: it is told what happened.
"""

from __future__ import annotations

from typing import Protocol

import structlog

_log = structlog.get_logger("mirror.upstream")


class Exchange(Protocol):
    """What became of one request to an upstream; see `mirror.upstream.report`."""

    @property
    def request_id(self) -> str | None: ...
    @property
    def upstream(self) -> str: ...
    @property
    def operation(self) -> str: ...
    @property
    def method(self) -> str: ...
    @property
    def endpoint_host(self) -> str: ...
    @property
    def repository(self) -> str: ...
    @property
    def reference(self) -> str: ...
    @property
    def status(self) -> int | None: ...
    @property
    def seconds(self) -> float: ...
    @property
    def bytes(self) -> int: ...
    @property
    def failure(self) -> str | None: ...
    @property
    def prefetch(self) -> bool: ...


def asked(exchange: Exchange) -> None:
    """Log one line. What is not known, or has not happened, is left out of it.

    Of several requests that waited for one answer, the id on the line is that of the first.
    """
    fields = {
        "request_id": exchange.request_id,
        "upstream": exchange.upstream,
        "endpoint": exchange.endpoint_host,
        "operation": exchange.operation,
        "method": exchange.method,
        "repository": exchange.repository or None,
        "reference": exchange.reference or None,
        "status": exchange.status,
        "bytes": exchange.bytes,
        "seconds": round(exchange.seconds, 3),
        "failure": exchange.failure,
        "prefetch": exchange.prefetch or None,  # before any client has asked for it
    }
    _log.info("asked upstream", **{name: value for name, value in fields.items() if value is not None})
