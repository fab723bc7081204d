"""The connections to one upstream: TLS, proxy, time limits, and which hosts may lie on private addresses.

Sends a fixed set of headers. Hosts that the operator wrote down (endpoints, `realms`) are dialled wherever they lie;
hosts that an answer named go through a second pool, whose sockets refuse private addresses. A connection of the one is
never used for the other, so neither another name for an address nor a name that changes its address leads past it.
"""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import aiohttp
import structlog
from yarl import URL

from mirror import __version__
from mirror.config.settings import Limits, Upstream
from mirror.errors import Unreachable
from mirror.upstream import egress, failures, origins
from mirror.upstream.one_answer import Connector
from mirror.upstream.proxies import Proxies
from mirror.upstream.report import Request
from mirror.upstream.selection import base_urls
from mirror.upstream.surroundings import Surroundings
from mirror.upstream.tls import Tls

_READ_BUFFER = 256 * 1024
_log = structlog.get_logger("mirror.upstream")
_HEADERS = {"User-Agent": f"mirror/{__version__}", "Accept-Encoding": "identity"}


class Waiting:
    """A request whose answer has not begun: its time limit, whether there is a connection yet, whether it was cut."""

    def __init__(self) -> None:
        self.connected = False
        self.is_cut = False
        self._deadline: asyncio.Timeout | None = None

    def within(self, seconds: float) -> asyncio.Timeout:
        """The limit within which there has to be a connection. Entered once, at once."""
        self._deadline = asyncio.timeout(seconds)
        return self._deadline

    def connect(self, patience: float) -> None:
        """From here on it is the answer that is waited for, `patience` seconds, no longer the connection."""
        self.connected = True
        if not self.is_cut:
            self._end_in(patience)

    def cut(self) -> None:
        """End it now, as if its time were over."""
        self.is_cut = True
        self._end_in(0)

    def _end_in(self, seconds: float) -> None:
        if self._deadline is not None and not self._deadline.expired():
            self._deadline.reschedule(asyncio.get_running_loop().time() + seconds)


class Connections:
    """Made within a running event loop and closed by `aclose`. `name` is what the upstream is called in messages.

    Raises ConfigurationError when a certificate or proxy that is configured cannot be used.
    """

    def __init__(self, name: str, upstream: Upstream, limits: Limits, around: Surroundings) -> None:
        self._name = name
        self._limits = limits
        self._own = frozenset(map(origins.host, base_urls(name, upstream)))
        # The host of an upstream that a pattern stands for was named by a client: it may not be a private one.
        self._written = self._own if upstream.endpoints else frozenset()
        self._realms = frozenset(upstream.realms)
        self._anywhere = upstream.allow_private_addresses
        proxy = None if upstream.proxy is None else upstream.proxy.get_secret_value()
        self._proxies = Proxies(proxy, around.environment)
        self._tls = Tls(name, upstream)
        self._resolver = around.resolver
        self._has_told = False  # of an answer that nobody had asked for
        self._trusted = self._session(None)
        self._guarded = self._session(egress.guarded_socket)

    async def aclose(self) -> None:
        """Ends every connection. Twice is as good as once."""
        await self._trusted.close()
        await self._guarded.close()

    def proxy(self, url: URL) -> URL | None:
        """The proxy by which a request to `url` goes."""
        return self._proxies.of(url)

    async def dial(self, request: Request, waiting: Waiting) -> aiohttp.ClientResponse:
        """The answer as soon as its head is there. Asked once more when a connection ends before a byte of it.

        Raises Nonsense for a host that must not be dialled, Unreachable when closed, and whatever the HTTP client does.
        """
        trusted = self._anywhere or self._may_be_private(request.url)
        if not trusted and egress.forbidden_name(origins.host(request.url)):
            raise failures.forbidden_address(self._name, origins.place(request.url))
        proxy = self.proxy(request.url)
        # With a proxy every socket leads to the proxy, which the operator wrote down too.
        session = self._trusted if trusted or proxy is not None else self._guarded
        tls = await self._tls.contexts()
        if waiting.is_cut:
            raise TimeoutError
        if session.closed:
            raise Unreachable(f"{self._name}: the mirror is stopping")
        async with waiting.within(self._limits.connect_timeout):
            return await session.request(
                request.method,
                request.url,
                headers=request.headers,
                data=request.body,
                allow_redirects=False,
                proxy=proxy,
                ssl=tls.own if self._is_own(request.url) else tls.foreign,
                trace_request_ctx=waiting,
            )

    def _may_be_private(self, url: URL) -> bool:
        """Whether the operator wrote this host down: an endpoint's, or one that stands in `realms`."""
        return origins.host(url) in self._written or origins.listed(url, self._realms)

    def _is_own(self, url: URL) -> bool:
        """Whether it is an endpoint's host, or one that stands in `realms`."""
        return origins.host(url) in self._own or origins.listed(url, self._realms)

    def _session(self, sockets: aiohttp.SocketFactoryType | None) -> aiohttp.ClientSession:
        connected = aiohttp.TraceConfig()
        connected.on_connection_create_end.append(self._connected)
        connected.on_connection_reuseconn.append(self._connected)
        return aiohttp.ClientSession(
            connector=Connector(self._surplus, self._resolver, sockets),
            headers=_HEADERS,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            read_bufsize=_READ_BUFFER,
            timeout=aiohttp.ClientTimeout(total=None),  # the limits are set where the waiting is done
            trace_configs=[connected],
        )

    async def _connected(self, _session: aiohttp.ClientSession, context: SimpleNamespace, _parameters: object) -> None:
        waiting: Waiting = context.trace_request_ctx
        waiting.connect(self._limits.first_byte_timeout)

    def _surplus(self, address: str) -> None:
        """One is worth a warning: who does so once may do it with every answer."""
        tell = _log.debug if self._has_told else _log.warning
        self._has_told = True
        tell("an upstream says more than it was asked: its connection is closed", upstream=self._name, address=address)
