"""Seconds, bytes and numbers in the words of people, as they would round them; and moments as everybody writes them."""

from __future__ import annotations

from datetime import UTC, datetime

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


def number(count: int, noun: str) -> str:
    """`1 image`, `2 images`: for nouns that have their plural with an s."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def moment(seconds: float) -> str | None:
    """A moment of the wall clock, as RFC 3339 has it: `2026-11-22T07:00:00+00:00`; None for one that has no date."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError):  # of a clock that was never right
        return None
