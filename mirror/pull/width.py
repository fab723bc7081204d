"""Over how many connections one blob is fetched: a decision by what was measured. Asks nobody; time is an argument.

Most upstreams give one connection all there is. Where each is held back, several bring more: that is tried once a
blob has shown that it will take a while, and kept only as far as it helps.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

_LOOK = 1.0  # seconds over which a rate is measured
_LONG = 5.0  # seconds that one connection has to need for the rest, for another one to be tried
_WARM = 0.5  # seconds in which new connections find their pace, which are not measured
_WORTH = 1.2  # times the rate that twice the connections have to bring
_WIRE = 0.6  # share of the time that has to have been spent waiting for the wire: else it is we who are slow
_KEPT = 600.0  # seconds for which it is remembered what helped
_PLACES = 256  # of which it is remembered


@dataclass(frozen=True, slots=True)
class Reading:
    """How a fetch stands: `now` in seconds, bytes that were `received` and seconds that were `waited` for them."""

    now: float
    received: int
    waited: float = 0.0


class Widening:
    """`width` is how many connections there are to be, at most `limit`; `settled` once nothing more will be tried.

    `known`: what helped lately, which is taken as it is.
    """

    def __init__(self, limit: int, begun: Reading, known: int | None = None) -> None:
        self.width = 1 if known is None else min(known, limit)
        self.settled = known is not None or limit <= 1
        self.measured = False  # whether this blob has shown what helps
        self._limit = limit
        self._from = _later(begun)
        self._narrower = 1
        self._seen: float | None = None  # bytes a second over one connection, until that is steady
        self._before: float | None = None  # the same over the narrower width, against which this one is measured

    def look(self, reading: Reading, left: int) -> int:
        """The width from now on, when `left` bytes are to come yet."""
        if self.settled:
            return self.width
        elapsed = reading.now - self._from.now
        if elapsed <= 0:
            self._from = Reading(self._from.now, reading.received, reading.waited)
        elif elapsed >= _LOOK:
            self._judge(reading, (reading.received - self._from.received) / elapsed, left)
        return self.width

    def stay(self, width: int) -> None:
        """So many it is from now on, for a reason that says nothing of what would help."""
        self.width, self.settled = width, True

    def _judge(self, reading: Reading, rate: float, left: int) -> None:
        waited = (reading.waited - self._from.waited) / (reading.now - self._from.now)
        first = self._before is None
        if not rate or left < rate * (_LONG if first else _LOOK) or (first and waited < _WIRE):
            self._from = reading  # nothing comes, it is as good as over, or too fast for us: perhaps later
        elif first and (self._seen is None or rate > self._seen * _WORTH):
            self._seen, self._from = rate, reading  # after a slow beginning anything would seem to help
        elif self._before is not None and rate < self._before * _WORTH:
            self.width, self.settled, self.measured = self._narrower, True, True
        elif self.width == self._limit:
            self.settled = self.measured = True
        else:
            self._narrower, self._before = self.width, rate
            self.width = min(self.width * 2, self._limit)
            self._from = _later(reading)


def _later(reading: Reading) -> Reading:
    """Where measuring begins after new connections have: it is moved on to what is read until then."""
    return Reading(reading.now + _WARM, reading.received, reading.waited)


class Widths:
    """What helped lately, by where the bytes came from. Bounded. `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def remember(self, place: str, width: int) -> None:
        """So many connections were the best there."""
        self._known[place] = (width, self._clock() + _KEPT)
        self._known.move_to_end(place)
        while len(self._known) > _PLACES:
            self._known.popitem(last=False)

    def recall(self, place: str) -> int | None:
        """How many were, if that was measured in the last minutes."""
        width, until = self._known.get(place, (None, 0.0))
        return width if self._clock() < until else None
