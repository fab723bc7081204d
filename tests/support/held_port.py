"""A port that stays ours while nobody listens on it: who comes is refused, and no other process is given it."""

from __future__ import annotations

import socket
import weakref


class HeldPort:
    """`listening()` as often as it was closed, on one port: any free one when `port` is 0.

    It is held by a socket that is bound and never listens. `release` gives it up, at the latest when nobody has this.
    """

    def __init__(self, host: str, port: int = 0) -> None:
        self._family = socket.getaddrinfo(host, port)[0][0]
        self._host = host
        self._holder = self._bound(port)
        self.port: int = self._holder.getsockname()[1]
        self.release = weakref.finalize(self, self._holder.close)

    def listening(self, backlog: int) -> socket.socket:
        """A new socket on the port, for the caller to close."""
        listener = self._bound(self.port)
        listener.listen(backlog)
        return listener

    def _bound(self, port: int) -> socket.socket:
        bound = socket.socket(self._family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # else asyncio knows no NODELAY
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if self._family == socket.AF_INET6:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            bound.bind((self._host, port))
        except BaseException:
            bound.close()
            raise
        return bound
