"""Keeps the order in which images go: how large each is, and which of those that went are still remembered. SQL only.

What is pulled again after it went goes on with what it was worth.
"""

from __future__ import annotations

from mirror.store.index import Index
from mirror.store.reach import reach
from mirror.store.worth import HALF_LIFE, handicap

GHOSTS = 65_536  # images that are remembered though they are not held: some 300 bytes each
_FADED = 8 * HALF_LIFE  # seconds after which a pull adds nothing to what an image is worth
_LOOKED = 1000  # needs of one image that are looked through; of one that has more, what was seen counts

_UNMEASURED = """
SELECT content, upstream, repository, digest FROM images INDEXED BY unmeasured_images
WHERE held = 1 AND handicap IS NULL LIMIT ?
"""
_MEASURED = "UPDATE images SET handicap = ? WHERE upstream = ? AND repository = ? AND digest = ?"
# What several documents need is shared out among them; how many beyond some makes no difference.
_PARENTS = "SELECT count(*) FROM (SELECT 1 FROM needs WHERE child = ? LIMIT 64)"
_FORGET_FADED = "DELETE FROM images WHERE held = 0 AND worth < ?"
_FORGET_LAST = """
DELETE FROM images WHERE held = 0 AND worth - coalesce(handicap, 0.0) <= (
    SELECT worth - coalesce(handicap, 0.0) FROM images WHERE held = 0
    ORDER BY worth - coalesce(handicap, 0.0) DESC LIMIT 1 OFFSET ?
)
"""


def measure(index: Index, limit: int) -> int:
    """Work out the handicaps of so many images that have none since they have changed; how many those were.

    Within a transaction. Some hundred microseconds for each; some 20 ms for one that was made to take long.
    """
    found = [*index.read(_UNMEASURED, (limit,))]
    rows = [(handicap(_share(index, content)), *name) for content, *name in found]
    index.write(_MEASURED, *rows)
    return len(rows)


def forget_ghosts(index: Index, now: float, most: int = GHOSTS) -> None:
    """Forget images that are not held, once their pulls weigh nothing any more; of more than so many the last."""
    index.write(_FORGET_FADED, (now - _FADED,))
    index.write(_FORGET_LAST, (most,))


def _share(index: Index, content: str) -> float:
    """Bytes that it takes up of its own."""
    there = [(name, size) for name, size in reach(index, content, _LOOKED).parts if size is not None]
    return float(sum(size / max(next(index.read(_PARENTS, (name,)))[0], 1) for name, size in there))
