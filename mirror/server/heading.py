"""A request's head while it comes: how long that may take, and how large it may grow.

aiohttp bounds each line and their number, which together is half a megabyte, and has no time but that between requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp.http_parser import RawRequestMessage

LARGEST = 32 * 1024  # bytes of a head; the longest that clients have is one with a token, of a few thousand
_END = b"\r\n\r\n"
_PUNCTUATION = 4  # bytes of a line beside its name and its value


class Heading:
    """Looks after the head that is on its way on one connection. `late` is called if it takes longer than `patience`.

    Whoever makes it calls `end` when the connection is over. Event loop only.
    """

    def __init__(self, patience: float, late: Callable[[], None]) -> None:
        self._patience = patience
        self._late = late
        self._length = 0  # bytes that have come of it
        self._timer: asyncio.TimerHandle | None = None

    def may_be_large(self, data: bytes) -> bool:
        """Whether a head that ends within these bytes may be larger than it should be."""
        return self._length + len(data) > LARGEST

    def goes_on(self, data: bytes, waited_for: bool) -> bool:
        """More of it has come and it is not whole. False: it has grown too large. Time runs where it is waited for."""
        self._length += len(data)
        if waited_for and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._patience, self._late)
        return self._length <= LARGEST

    def is_whole(self, data: bytes) -> None:
        """It has come to its end within these bytes, and what follows in them belongs to the next."""
        self.end()
        self._length = len(data) - data.rfind(_END) - len(_END) if _END in data else 0

    def end(self) -> None:
        """Nothing is waited for any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def is_too_long(message: object) -> bool:
    """Whether the head of this request, which aiohttp has parsed, is larger than it should be."""
    if not isinstance(message, RawRequestMessage):
        return False
    lines = sum(len(name) + len(value) + _PUNCTUATION for name, value in message.raw_headers)
    return len(message.path) + lines > LARGEST
