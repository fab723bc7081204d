"""Sockets that are listened on, and their orderly end: no new requests, the running ones finish within a time."""

from __future__ import annotations

import asyncio
import os
import resource
import ssl
from collections.abc import Sequence

from aiohttp import web

from mirror.config.addresses import ListenAddress
from mirror.config.settings import TLS
from mirror.errors import ConfigurationError, MirrorError
from mirror.server.protocol import RegistryServer

_BACKLOG = 1024  # connections that the kernel keeps for us; a whole cluster may come at once
_LAST = 0.5  # seconds that connections are given to end once their requests have been cancelled
_DESCRIPTORS = 3  # of a client: its socket, the duplicate that is sent by, and the blob
_OTHER_DESCRIPTORS = 256  # of everything else
_LOOK = 0.02  # seconds between two looks at how many requests are still running


class Listeners:
    """Where the registry is served. Made by `open`, ended by `drain`."""

    def __init__(self, server: RegistryServer) -> None:
        self._server = server
        self._open: list[asyncio.Server] = []

    async def open(self, addresses: Sequence[ListenAddress], tls: ssl.SSLContext | None) -> None:
        """Listen on all of them. Raises MirrorError that names the address when one cannot be had."""
        loop = asyncio.get_running_loop()
        # While hands are shaken, nobody counts a connection; and a client that does not read cannot take leave.
        limits = self._server.limits
        times = {} if tls is None else {"handshake": limits.keepalive, "shutdown": limits.stall}
        for address in addresses:
            try:
                server = await loop.create_server(
                    self._server,
                    address.host or None,
                    address.port,
                    ssl=tls,
                    ssl_handshake_timeout=times.get("handshake"),
                    ssl_shutdown_timeout=times.get("shutdown"),
                    backlog=_BACKLOG,
                    reuse_address=True,
                )
            except OSError as error:
                self.close()
                raise MirrorError(f"cannot listen on {address}: {_reason(error)}") from error
            self._open.append(server)

    @property
    def bound(self) -> list[ListenAddress]:
        """Where it is listened on, with the port that the kernel chose where it was to choose one."""
        names = [socket.getsockname()[:2] for server in self._open for socket in server.sockets]
        return [ListenAddress(host, port) for host, port in names]

    def close(self) -> None:
        """Take no more connections."""
        while self._open:
            self._open.pop().close()

    async def drain(self, grace: float) -> None:
        """Take no more connections and no more requests; give the running ones `grace` seconds, then break them off."""
        self.close()
        await asyncio.sleep(0)
        self._server.pre_shutdown()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + grace
        while self._server.busy and loop.time() < deadline:  # noqa: ASYNC110  # an event would cost the hot path
            await asyncio.sleep(_LOOK)
        await self._server.shutdown(_LAST)


def allow_descriptors(connections: int) -> int:
    """Let the process open as many files as so many clients may need; how many of those the system does not allow."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections * _DESCRIPTORS + _OTHER_DESCRIPTORS
    allowed = wanted if resource.RLIM_INFINITY in (soft, hard) else max(soft, min(wanted, hard))
    if soft not in (resource.RLIM_INFINITY, allowed):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, allowed), hard))
    return max(wanted - allowed, 0)


def tls_context(tls: TLS) -> ssl.SSLContext | None:
    """What the registry speaks, or None for plain HTTP. Raises ConfigurationError when a file cannot be used."""
    if tls.certificate is None or tls.key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(tls.certificate, tls.key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError([f"server.tls: certificate or key cannot be used: {error}"]) from error
    if tls.client_ca is not None:
        try:
            context.load_verify_locations(tls.client_ca)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError([f"server.tls.client_ca: cannot be used: {error}"]) from error
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def listen_admin(app: web.Application, addresses: Sequence[ListenAddress]) -> web.AppRunner:
    """The operator's listener; its caller awaits `cleanup`. Raises MirrorError when an address cannot be had."""
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=30, shutdown_timeout=_LAST)
    await runner.setup()
    for address in addresses:
        try:
            await web.TCPSite(runner, address.host or None, address.port, backlog=_BACKLOG).start()
        except OSError as error:
            await runner.cleanup()
            raise MirrorError(f"cannot listen on {address}: {_reason(error)}") from error
    return runner


def _reason(error: OSError) -> str:
    """asyncio's own words name the address once more."""
    return os.strerror(error.errno) if error.errno else str(error)
