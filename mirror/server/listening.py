"""Sockets that are listened on, and their orderly end: no new requests, the running ones finish within a time."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable, Sequence

from mirror.config.addresses import ListenAddress
from mirror.config.settings import TLS
from mirror.errors import ConfigurationError, MirrorError
from mirror.server.handshakes import Hands, Handshakes
from mirror.server.protocol import RegistryServer
from mirror.unbound import cannot_listen

Place = ListenAddress | socket.socket  # where to listen, or what is bound there already

_BACKLOG = 1024  # connections that the kernel keeps for us; a whole cluster may come at once
_LAST = 0.5  # seconds that connections are given to end once their requests have been cancelled
_LOOK = 0.02  # seconds between two looks at how many requests are still running


class Listeners:
    """Where the registry is served. Made by `open`, ended by `drain`."""

    def __init__(self, server: RegistryServer) -> None:
        self._server = server
        self._open: list[asyncio.Server] = []
        self._handshakes: Handshakes | None = None

    async def open(self, places: Sequence[Place], tls: ssl.SSLContext | None) -> None:
        """Listen on all of them. Raises MirrorError that names the address when one cannot be had."""
        made: Callable[[], asyncio.BaseProtocol] = self._server
        if tls is not None:
            limits = self._server.limits
            # A client that does not read cannot take leave either.
            hands = Hands(tls, min(limits.keepalive, limits.head), limits.stall)
            made = self._handshakes = Handshakes(self._server, hands)
        for place in places:
            try:
                server = await listen(made, place)
            except MirrorError:
                self.close()
                raise
            self._open.append(server)

    @property
    def bound(self) -> list[ListenAddress]:
        """Where it is listened on, with the port that the kernel chose where it was to choose one."""
        names = [one.getsockname()[:2] for server in self._open for one in server.sockets]
        return [ListenAddress(host, port) for host, port in names]

    def close(self) -> None:
        """Take no more connections."""
        while self._open:
            self._open.pop().close()

    async def drain(self, grace: float) -> None:
        """Take no more connections and no more requests; give the running ones `grace` seconds, then break them off."""
        self.close()
        await asyncio.sleep(0)
        if self._handshakes is not None:
            await self._handshakes.aclose()
        self._server.pre_shutdown()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + grace
        while self._server.busy and loop.time() < deadline:  # noqa: ASYNC110  # an event would cost the hot path
            await asyncio.sleep(_LOOK)
        await self._server.shutdown(_LAST)


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


async def listen(
    made: Callable[[], asyncio.BaseProtocol], place: Place, setting: str = "server.listen"
) -> asyncio.Server:
    """Listen there; `made` makes each connection's protocol. Raises MirrorError that names the address and its setting.

    A socket that is bound already is closed with the server.

    One connection is taken at a time. asyncio takes as many as the kernel keeps, and when the process may open no more
    files it goes on trying: each of those failures has it try so many times a second later (Python 3.11 to 3.13).
    """
    loop = asyncio.get_running_loop()
    try:
        if isinstance(place, socket.socket):
            server = await loop.create_server(made, sock=place, backlog=1)
        else:
            server = await loop.create_server(made, place.host or None, place.port, backlog=1, reuse_address=True)
    except OSError as error:
        where = ListenAddress(*place.getsockname()[:2]) if isinstance(place, socket.socket) else place
        raise cannot_listen(where, setting, error) from error
    for listening in server.sockets:
        with socket.socket(fileno=os.dup(listening.fileno())) as same:
            same.listen(_BACKLOG)
    return server
