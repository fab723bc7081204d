"""Whether somebody who failed is asked again yet: closed, open for a while, then one probe. Knows no request, no host.

CLOSED ── trouble that says so ──▶ OPEN ── its time is over ──▶ HALF_OPEN ── the probe works ──▶ CLOSED
                                     ◀── the probe fails: twice as long ──┘
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

_SHORTEST, _LONGEST = 10.0, 60.0  # seconds that it stays open when nobody has said for how long
_SPREAD = 0.2  # of that time, so that mirrors that were shut out together do not come back together
PROBING = 1.0  # seconds after which it is worth asking again how the probe went
_FULL = 10


class State(Enum):
    """The values are those of the gauge."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class Trouble(Enum):
    """What went wrong. The value is its weight: at ten in a row of troubles, nothing is asked for a while."""

    LOST = 10  # no connection in time: each try costs seconds
    SILENT = 5  # no address, refused, reset, or no head in time: once may be chance
    ILL = 2  # 5xx: perhaps of one thing only


@dataclass(frozen=True, slots=True)
class Why:
    """What a breaker was opened for, in words for the operator; `throttled`: because we asked too much."""

    said: str
    throttled: bool = False


class Breaker:
    """`clock` is monotonic, in seconds; `jitter` is a number from 0 to 1, each time another one."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, jitter: Callable[[], float] = random.random
    ) -> None:
        self._clock = clock
        self._jitter = jitter
        self._strain = 0
        self._until: float | None = None  # None: closed
        self._span = _SHORTEST
        self._probing = False
        self.why = Why("")  # it was opened last

    @property
    def state(self) -> State:
        if self._until is None:
            return State.CLOSED
        return State.OPEN if self._clock() < self._until else State.HALF_OPEN

    @property
    def wait(self) -> float:
        """Seconds until something may be asked, as far as can be told; 0 when it may."""
        if self._until is None:
            return 0.0
        left = self._until - self._clock()
        return max(left, PROBING if self._probing else 0.0)

    def claim(self) -> bool:
        """Somebody asks, which is allowed while `wait` is 0; whether this is the probe. It then reports how it went."""
        if self._until is None:
            return False
        self._probing = True
        return True

    def worked(self, probe: bool) -> None:
        """There was a usable answer. While open, only the probe's word counts: others were asked before."""
        if self._until is None or probe:
            self._strain, self._until, self._span, self._probing = 0, None, _SHORTEST, False

    def failed(self, trouble: Trouble, why: Why, probe: bool) -> None:
        """There was none."""
        if probe:
            self._probing = False
            self._open(why)
        elif self._until is None:
            self._strain += trouble.value
            if self._strain >= _FULL:
                self._open(why)

    def shut(self, seconds: float, why: Why, probe: bool) -> None:
        """It was said for how long nothing is to be asked."""
        if probe:
            self._probing = False
        self._until = max(self._until or 0.0, self._clock() + seconds)
        self.why = why

    def left(self, probe: bool) -> None:
        """Whoever asked went away without an answer: the next one is the probe."""
        if probe:
            self._probing = False

    def _open(self, why: Why) -> None:
        self._until = self._clock() + self._span * (1 + _SPREAD * (self._jitter() - 0.5))
        self._span = min(self._span * 2, _LONGEST)
        self._strain = 0
        self.why = why
