"""How long a new digest of a tag is held back, and what clients are given meanwhile. Pure: what is noted, and the time.

A digest that is taken back while it is held is never given to anybody: only the one that the tag points to now may
follow the former. So a tag that moves more often than it is held for stays where it was, until somebody pins it.
"""

from __future__ import annotations

from dataclasses import replace

from mirror.store.catalog import TagRecord

_SKEW = 60.0  # seconds that a note may lie in the future, before it counts as made by a wrong clock


def succeeding(known: TagRecord | None, new: TagRecord, hold: float) -> TagRecord:
    """`new` as it is to be noted after `known`: with what clients are given until it has been known for `hold` seconds.

    A tag that is seen for the first time has nothing else to give.
    """
    if known is None or hold <= 0:
        return replace(new, former="", since=0.0)
    if known.digest == new.digest:
        return replace(new, former=known.former, since=known.since)
    given = known.former if held_until(known, hold, new.checked) is not None else known.digest
    if given == new.digest:
        return replace(new, former="", since=0.0)
    return replace(new, former=given, since=new.checked)


def held_until(record: TagRecord, hold: float, now: float) -> float | None:
    """Until when clients are given the former digest, by the wall clock; None when they are given the one noted."""
    if not record.former or not -_SKEW <= now - record.since < hold:
        return None
    return record.since + hold
