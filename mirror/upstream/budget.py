"""How many pulls a registry still grants, as its answers tell. Asks nobody and keeps nothing.

Docker Hub sends `ratelimit-limit: 100;w=21600` and `ratelimit-remaining: 76;w=21600` with manifests, and with HEADs,
which cost nothing. A registry that sends neither counts no pulls.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

_amount = re.compile(r"([0-9]{1,9})(?:\s*;\s*w=([0-9]{1,8}))?", re.ASCII).fullmatch
_source = re.compile(r"[0-9A-Za-z.:_-]{1,64}", re.ASCII).fullmatch
_UNTOLD = 3600  # seconds of a window that is not told

Header = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Budget:
    """`remaining` of `limit` pulls in a `window` of seconds, told at `at`, a time of the monotonic clock.

    `source`: what they are counted by, an address or an account; None if that is not told.
    """

    limit: int
    remaining: int
    window: int
    source: str | None
    at: float

    def known(self, now: float) -> bool:
        """Whether this still says something: once the window is over, everything may have come back."""
        return now < self.at + self.window


def read(header: Header, now: float) -> Budget | None:
    """The budget that an answer tells of, given each header's value. None when it tells of none that makes sense."""
    limit, remaining = _read(header("ratelimit-limit")), _read(header("ratelimit-remaining"))
    if limit is None or remaining is None or limit[0] == 0 or remaining[0] > limit[0]:
        return None
    window = limit[1] or remaining[1] or _UNTOLD
    source = header("docker-ratelimit-source")
    return Budget(limit[0], remaining[0], window, source if source and _source(source) else None, now)


def _read(value: str | None) -> tuple[int, int] | None:
    """The number and its window (0 if untold)."""
    found = None if value is None else _amount(value.strip())
    return None if found is None else (int(found[1]), int(found[2] or 0))
