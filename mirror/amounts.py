"""Seconds and bytes in the words of people, rounded to what they would say."""

from __future__ import annotations

_TIMES = (("d", 86400), ("h", 3600), ("min", 60))
_SIZES = (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024))


def duration(seconds: float) -> str:
    """`12 s`, `3 min`, `2 h`, `30 d`: in the largest unit of which there are two at least."""
    for unit, size in _TIMES:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def size(count: float) -> str:
    """`900 B`, `1.5 MiB`."""
    for unit, factor in _SIZES:
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count:.0f} B"
