"""How long a body that breaks off again and again is gone on with: while it comes to something. Pure, but its clock.

F7 counts no try that brings bytes. Whoever sends a few of them before each break would be asked for ever.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

SPAN = 120.0  # seconds that are looked back
RATE = 1024  # bytes a second that are enough: as many as a client has to take


class Patience:
    """Of one fetch. `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._excused = 0.0
        self._breaks: deque[tuple[float, int]] = deque()  # when, and how far the blob was then

    def is_over(self, offset: int, held: float) -> bool:
        """Whether too little has come, with the break that there is now, to go on once more.

        `held`: seconds since the last break that the bytes have waited for us, which are not held against them.
        """
        self._excused += held
        now = self._clock() - self._excused
        self._breaks.append((now, offset))
        while len(self._breaks) > 1 and now - self._breaks[1][0] >= SPAN:
            self._breaks.popleft()
        since, before = self._breaks[0]
        return now - since >= SPAN and offset - before < RATE * (now - since)
