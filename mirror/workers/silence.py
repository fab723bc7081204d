"""How long a worker has given no sign of life, by the looks that were taken at it. Pure: the time is an argument.

A machine that stood still lets nobody look, so that its workers are not to blame: between two looks, little counts.
"""

from __future__ import annotations

_STEP = 2.0  # seconds that count at most between two looks
_BEYOND = 10.0  # seconds in which one that has been killed should be gone


class Silence:
    """Of one worker. `patience`: seconds after which it is too long."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self.begin(0.0)

    @property
    def is_hopeless(self) -> bool:
        """Whether it lasts although the worker has been killed: something hangs that nobody here can mend."""
        return self._lasted > self._patience + _BEYOND

    def begin(self, now: float) -> None:
        """There is a new worker."""
        self._beats = 0
        self._looked = now
        self._lasted = 0.0

    def is_too_long(self, beats: int, now: float) -> bool:
        """`beats`: how many signs it has given so far; `now`: monotonic seconds."""
        passed, self._looked = min(now - self._looked, _STEP), now
        self._lasted = self._lasted + passed if beats == self._beats else 0.0
        self._beats = beats
        return self._lasted > self._patience
