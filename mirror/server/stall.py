"""How long a client may take nothing. What it has taken is what its own system has acknowledged.

Our buffers say little of that: the kernel's holds megabytes, and has room again only once a third of them is gone.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable

_acknowledged = struct.Struct("=120xQ")  # tcpi_bytes_acked of Linux's struct tcp_info


class Watch:
    """Looks after one wait for a client: `stalled` is called if it takes nothing for `patience` seconds.

    Whoever makes it calls `end` when the wait is over. Event loop only.
    """

    def __init__(self, transport: asyncio.BaseTransport, patience: float, stalled: Callable[[], None]) -> None:
        self._transport = transport
        self._patience = patience
        self._stalled = stalled
        self._taken = taken(transport)
        self._timer = asyncio.get_running_loop().call_later(patience, self._look)

    def end(self) -> None:
        """The client takes again, or is gone."""
        self._timer.cancel()

    def _look(self) -> None:
        before, self._taken = self._taken, taken(self._transport)
        if self._taken == before:
            self._stalled()
        else:
            self._timer = asyncio.get_running_loop().call_later(self._patience, self._look)


def taken(transport: asyncio.BaseTransport) -> int:
    """How many bytes the client's system has acknowledged since it connected; 0 where ours does not count them."""
    try:
        told = transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _acknowledged.size)
    except OSError:
        return 0
    return int(_acknowledged.unpack(told)[0]) if len(told) == _acknowledged.size else 0
