"""Logins that were refused lately, so that they are not shown again at once: some registries ban who insists."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

_MEMORY = 30.0  # seconds
_KEPT = 1024


class Refusals:
    """Keys are what was refused, and where. `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[Hashable, float] = {}

    def add(self, key: Hashable) -> None:
        """Remembers this one for half a minute; of too many, the oldest is forgotten."""
        self._until.pop(key, None)
        while len(self._until) >= _KEPT:
            del self._until[next(iter(self._until))]
        self._until[key] = self._clock() + _MEMORY

    def __contains__(self, key: Hashable) -> bool:
        return self._until.get(key, 0.0) > self._clock()
