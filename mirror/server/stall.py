"""How little a client may take of what is there for it. What it has taken is what its own system has acknowledged.

Our buffers say little of that: the kernel's holds megabytes, and has room again only once a third of them is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

_acknowledged = struct.Struct("=120xQ")  # tcpi_bytes_acked of Linux's struct tcp_info
_AT_ONCE = struct.pack("ii", 1, 0)  # struct linger: on, and no time


@dataclass(frozen=True, slots=True)
class Pace:
    """What a client has to take while it is waited for: `rate` bytes a second on average, and something at least.

    `patience`: the seconds of waiting over which that is looked at.
    """

    patience: float
    rate: float = 0.0

    @property
    def least(self) -> float:
        """Bytes that have to be taken in those seconds."""
        return max(self.rate * self.patience, 1.0)


class Watch:
    """Looks after the waits for one client, which come one at a time: `begin` when it has no room, `end` when it has.

    The seconds of its waits add up, so that many short ones are no way around the pace; what it takes in between counts
    for it. Event loop only.
    """

    def __init__(self, transport: asyncio.BaseTransport, pace: Pace) -> None:
        self._transport = transport
        self._pace = pace
        self._loop = asyncio.get_running_loop()
        self._waited = 0.0  # seconds, since it was last looked at
        self._taken: int | None = None  # by then
        self._began = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, stalled: Callable[[], None]) -> None:
        """It is waited for. `stalled` is called, once, when it is too slow: it is to close the connection, which then
        is reset. Whoever began calls `end` all the same.
        """
        if self._taken is None:
            self._taken = taken(self._transport)
        self._began = self._loop.time()
        self._timer = self._loop.call_later(max(self._pace.patience - self._waited, 0.0), self._look, stalled)

    def end(self) -> None:
        """The client takes again, or is gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            # Where nothing is counted, that it takes again is all there is to know.
            self._waited = self._waited + self._loop.time() - self._began if self._taken else 0.0

    def _look(self, stalled: Callable[[], None]) -> None:
        before, self._taken = self._taken or 0, taken(self._transport)
        self._waited, self._timer = 0.0, None
        if self._taken - before < self._pace.least:
            _drop_what_is_sent(self._transport)
            stalled()
        else:
            self.begin(stalled)


def taken(transport: asyncio.BaseTransport) -> int:
    """How many bytes the client's system has acknowledged since it connected; 0 where ours does not count them."""
    try:
        told = transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _acknowledged.size)
    except OSError:
        return 0
    return int(_acknowledged.unpack(told)[0]) if len(told) == _acknowledged.size else 0


def _drop_what_is_sent(transport: asyncio.BaseTransport) -> None:
    """Else the kernel would go on for as long as the client takes a little, with megabytes that nobody counts."""
    with contextlib.suppress(OSError):
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
