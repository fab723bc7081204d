"""Whether a body comes too slowly to be waited for: less than silence, and more than nothing. Pure."""

from __future__ import annotations

SPAN = 120.0  # seconds of waiting that are judged at a time
RATE = 1024  # bytes a second that are enough: as many as a client has to take


class Trickle:
    """Of one body."""

    def __init__(self) -> None:
        self._waited = 0.0
        self._came = 0

    def is_too_thin(self, came: int, seconds: float) -> bool:
        """Whether it is, now that so many bytes were waited for so long."""
        self._waited += seconds
        self._came += came
        if self._waited < SPAN:
            return False
        thin = self._came < RATE * self._waited
        self._waited, self._came = 0.0, 0
        return thin
