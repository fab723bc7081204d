"""For how long an image is worth keeping, as moments on the wall clock: what has the earliest goes first. Pure."""

from __future__ import annotations

import math

HALF_LIFE = 7 * 86400.0  # seconds after which a pull weighs half as much
_ONE_PULL = 6 * 3600.0  # seconds within which pulls of an image weigh no more than one
_ORDINARY = 128 * 1024**2  # bytes of an image that has no handicap, as is assumed of one whose size is not known


def worth(last_pull: float, before: float, now: float) -> float:
    """When an image counts as pulled that is pulled `now`, was last at `last_pull`, and has counted as `before`.

    Each pull weighs half as much after HALF_LIFE as it did, and the result is the time of the one pull that would weigh
    as much as all of them. So images that were pulled once go by that pull, and what is pulled daily outlives what
    somebody tried a minute ago. Of pulls in quick succession, as by a program that polls, those of six hours weigh one.
    """
    weight = min(max((now - last_pull) / _ONE_PULL, 0.0), 1.0)
    halvings = max(min((before - now) / HALF_LIFE, 60.0), -60.0)
    return max(before, now + HALF_LIFE * math.log2(weight + 2**halvings))


def handicap(size: float) -> float:
    """By how many seconds an image goes sooner that takes up so many bytes of its own; less than 0 for a small one.

    Four times as large, it has to be pulled twice as often. Were it four times as often, then most pulls would be
    answered, and half of the bytes; were it none, the other way round. So both come close to the most there can be.
    """
    return HALF_LIFE / 2 * math.log2(max(size, 1.0) / _ORDINARY)
