"""The connections to one upstream: TLS, proxy, time limits, and which hosts may lie on private addresses.

Every request of this ring goes out here, with a fixed set of headers. Knows no registry: redirects and challenges are
answers like others. Hosts that the operator wrote down (endpoints, `realms`) are dialled wherever they lie; hosts that
an answer named go through a second pool, whose sockets refuse private addresses. A connection of the one is never
used for the other, so neither another name for an address nor a name that changes its address leads past the check.
"""

from __future__ import annotations

import asyncio
import ssl
from types import SimpleNamespace, TracebackType
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from mirror import __version__
from mirror.config.settings import Limits, Upstream
from mirror.errors import ConfigurationError, Unreachable
from mirror.upstream import egress, failures, origins
from mirror.upstream.exchange import BROKEN, Exchange, Observe, Report, Request, Response
from mirror.upstream.selection import base_urls

_READ_BUFFER = 256 * 1024
_KEEP_ALIVE = 30.0  # seconds that an unused connection is kept
_SMALL_ANSWERS = 64  # connections beside one for each fetch
_HEADERS = {"User-Agent": f"mirror/{__version__}", "Accept-Encoding": "identity"}


def unobserved(exchange: Exchange) -> None:
    """Nobody wants to know."""


class Transport:
    """Made within a running event loop and closed by `aclose`, or used with `async with`.

    `name` is what the upstream is called in messages; `observe` is told of every exchange when it is over.
    `resolver` is the system's unless there is another, which its owner closes.
    Raises ConfigurationError when the upstream's `ca_file` cannot be used.
    """

    def __init__(
        self,
        name: str,
        upstream: Upstream,
        limits: Limits,
        observe: Observe = unobserved,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self.name = name
        self._resolver = resolver
        self._observe = observe
        self._limits = limits
        self._own = frozenset(origins.host(url) for url in base_urls(name, upstream))
        self._realms = frozenset(upstream.realms)
        self._anywhere = upstream.allow_private_addresses
        self._proxy = None if upstream.proxy is None else URL(upstream.proxy.get_secret_value())
        tls = _tls(name, upstream)
        self._trusted = self._session(tls, None)
        # With a proxy every socket leads to the proxy, which the operator wrote down too.
        self._guarded = self._session(tls, egress.guarded_socket if self._proxy is None else None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Ends every connection. Twice is as good as once."""
        await self._trusted.close()
        await self._guarded.close()

    async def exchange(self, request: Request) -> Response:
        """The answer, whatever its status is, as soon as its head is there; the caller closes it.

        Raises Unreachable (TIMEOUT when there was no connection or no head in time) and Nonsense. May be cancelled.
        """
        report = Report(self.name, request, self._observe)
        trusted = self._trusts(request.url)
        if not trusted and egress.forbidden_name(origins.host(request.url)):
            raise report.failed(failures.forbidden_address(self.name, report.place))
        session = self._trusted if trusted else self._guarded
        if session.closed:
            raise report.failed(Unreachable(f"{self.name}: the mirror is stopping"))
        try:
            async with asyncio.timeout(self._limits.connect_timeout) as deadline:
                raw = await session.request(
                    request.method,
                    request.url,
                    headers=request.headers,
                    allow_redirects=False,
                    proxy=self._proxy,
                    trace_request_ctx=deadline,
                )
        except BROKEN as error:
            proxy = None if self._proxy is None else self._proxy.host
            raise report.failed(failures.by_exception(self.name, report.place, error, proxy)) from None
        except asyncio.CancelledError:
            report.end("cancelled")
            raise
        report.status = raw.status
        if raw.status == 407 and self._proxy is not None and request.url.scheme == "http":
            raw.close()
            raise report.failed(failures.refused_by_proxy(self.name, report.place, raw.status))
        return Response(raw, report, self._limits.read_timeout)

    def _trusts(self, url: URL) -> bool:
        return self._anywhere or origins.host(url) in self._own or origins.listed(url, self._realms)

    def _session(self, tls: ssl.SSLContext, sockets: aiohttp.SocketFactoryType | None) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            ssl=tls,
            limit=self._limits.fetches_per_upstream + _SMALL_ANSWERS,
            keepalive_timeout=_KEEP_ALIVE,
            resolver=self._resolver,
            socket_factory=sockets,
        )
        connected = aiohttp.TraceConfig()
        connected.on_connection_create_end.append(self._connected)
        connected.on_connection_reuseconn.append(self._connected)
        return aiohttp.ClientSession(
            connector=connector,
            headers=_HEADERS,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            read_bufsize=_READ_BUFFER,
            timeout=aiohttp.ClientTimeout(total=None),  # the limits are set where the waiting is done
            trace_configs=[connected],
        )

    async def _connected(self, _session: aiohttp.ClientSession, context: SimpleNamespace, _parameters: object) -> None:
        """From here on it is the answer that is waited for, no longer the connection."""
        deadline: asyncio.Timeout = context.trace_request_ctx
        if not deadline.expired():
            deadline.reschedule(asyncio.get_running_loop().time() + self._limits.first_byte_timeout)


def _tls(name: str, upstream: Upstream) -> ssl.SSLContext:
    """One context for endpoints, realms and redirects alike: there is none that verifies less (CVE-2019-10214)."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    if upstream.ca_file is not None:
        try:
            context.load_verify_locations(cafile=upstream.ca_file)
        except OSError:  # ssl.SSLError is one
            problem = f"upstreams.{name}.ca_file: cannot be read, or holds no certificate in PEM"
            raise ConfigurationError([problem]) from None
    return context
