"""How long a worker that has ended waits for its successor: not at all, but for one that ends again and again. Pure."""

from __future__ import annotations

from collections import deque

_WINDOW = 60.0  # seconds in which ends are counted together
_FIRST = 0.1
_LONGEST = 10.0
_MOST = 16  # ends that are remembered: by then the pause is the longest for good


class Pauses:
    """The ends of one worker and its successors."""

    def __init__(self) -> None:
        self._ends: deque[float] = deque(maxlen=_MOST)

    def after(self, now: float) -> float:
        """Seconds from `now`, by the monotonic clock, at which one of them has ended, until the next may begin."""
        while self._ends and now - self._ends[0] > _WINDOW:
            self._ends.popleft()
        earlier = len(self._ends)
        self._ends.append(now)
        return min(_FIRST * 2 ** (earlier - 1), _LONGEST) if earlier else 0.0
