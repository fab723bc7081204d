"""Clients with whom TLS is not agreed upon yet: each counts as a connection from the moment it is taken.

Left to the event loop, they would be bound by time alone: nobody is told of them until hands are shaken.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from dataclasses import dataclass
from typing import cast

from mirror.server.admission import address_of
from mirror.server.protocol import RegistryServer
from mirror.tasks import end, spawn

_TURNED_AWAY = 128  # at a time that are over the bound, and yet heard out so that they hear why; the others are cut off


@dataclass(frozen=True, slots=True)
class Hands:
    """How TLS is spoken, and the seconds that a client has for its beginning and its end."""

    tls: ssl.SSLContext
    shake: float
    part: float


class Handshakes:
    """Makes the protocol of each connection that is to be encrypted. `aclose` breaks off those that are under way."""

    def __init__(self, server: RegistryServer, hands: Hands) -> None:
        self._server = server
        self._hands = hands
        self._tasks: set[asyncio.Task[None]] = set()
        self._turned_away = 0
        self._closed = False

    def __len__(self) -> int:
        """How many are under way."""
        return len(self._tasks)

    def __call__(self) -> asyncio.Protocol:
        return _Threshold(self)

    async def aclose(self) -> None:
        """Break off those that are under way, and take no more."""
        self._closed = True
        await end(*self._tasks)

    def begin(self, transport: asyncio.BaseTransport) -> None:
        """Shake hands with who has just come, or cut it off where there are too many, or no more are taken."""
        if self._closed:
            return
        address = address_of(transport.get_extra_info("peername"))
        admitted = self._server.admission.enter(address)
        arrival = _Arrival(self._server, address, admitted)
        if admitted or self._turned_away < _TURNED_AWAY:
            arrival.take(transport)
        if arrival.socket is None:
            arrival.leave()
            return
        self._turned_away += not admitted
        task = spawn(self._shake(arrival), f"handshake:{address}")
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(done, arrival, admitted))

    async def _shake(self, arrival: _Arrival) -> None:
        taken, arrival.socket = arrival.socket, None
        if taken is None:
            return
        # A failure is the client's, and its connection is closed by now: what TLS raises is an OSError, too.
        with contextlib.suppress(OSError):
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: arrival,
                taken,
                ssl=self._hands.tls,
                ssl_handshake_timeout=self._hands.shake,
                ssl_shutdown_timeout=self._hands.part,
            )

    def _ended(self, task: asyncio.Task[None], arrival: _Arrival, admitted: bool) -> None:
        self._tasks.discard(task)
        self._turned_away -= not admitted
        arrival.leave()
        if not task.cancelled():
            task.result()  # a fault of ours is to be seen


class _Arrival(asyncio.Protocol):
    """Somebody who has come, until hands are shaken: then a connection of the server takes its place."""

    def __init__(self, server: RegistryServer, address: str, admitted: bool) -> None:
        self._server = server
        self._address = address
        self._admitted = admitted
        self.socket: socket.socket | None = None  # not yet given to the event loop

    def take(self, transport: asyncio.BaseTransport) -> None:
        """Have the same socket apart from its transport, if there is a descriptor left for that."""
        with contextlib.suppress(OSError):
            self.socket = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
            self.socket.setblocking(False)

    def leave(self) -> None:
        """Give the place back. Harmless when repeated."""
        if self.socket is not None:
            self.socket.close()
            self.socket = None
        if self._admitted:
            self._admitted = False
            self._server.admission.leave(self._address)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Over TLS, at last. The place is given back and taken again in one breath, so that nobody else takes it."""
        connection = cast(asyncio.Protocol, self._server())
        cast(asyncio.Transport, transport).set_protocol(connection)
        self.leave()
        connection.connection_made(transport)


class _Threshold(asyncio.Protocol):
    """Of a connection that has just been made, in the clear; nothing has been read of it yet."""

    def __init__(self, handshakes: Handshakes) -> None:
        self._handshakes = handshakes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._handshakes.begin(transport)
        cast(asyncio.Transport, transport).abort()
