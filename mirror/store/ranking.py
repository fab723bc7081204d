"""Keeps the order in which images go: how large each is, and which of those that went are still remembered. SQL only.

What is pulled again after it went goes on with what it was worth.
"""

from __future__ import annotations

from mirror.store.index import Index
from mirror.store.worth import HALF_LIFE, handicap

GHOSTS = 65_536  # images that are remembered though they are not held: some 300 bytes each
_FADED = 8 * HALF_LIFE  # seconds after which a pull adds nothing to what an image is worth

_UNMEASURED = """
SELECT content, upstream, repository, digest FROM images INDEXED BY unmeasured_images
WHERE held = 1 AND handicap IS NULL LIMIT ?
"""
_MEASURED = "UPDATE images SET handicap = ? WHERE upstream = ? AND repository = ? AND digest = ?"
# What several documents need is shared out among them; how many beyond some makes no difference.
_SHARE = """
WITH RECURSIVE closure (digest) AS (VALUES (?) UNION SELECT child FROM needs JOIN closure ON parent = closure.digest)
SELECT sum(size * 1.0 / max((SELECT count(*) FROM (SELECT 1 FROM needs WHERE child = blobs.digest LIMIT 64)), 1))
FROM closure JOIN blobs ON blobs.digest = closure.digest
"""
_FORGET_FADED = "DELETE FROM images WHERE held = 0 AND worth < ?"
_FORGET_LAST = """
DELETE FROM images WHERE held = 0 AND worth - coalesce(handicap, 0.0) <= (
    SELECT worth - coalesce(handicap, 0.0) FROM images WHERE held = 0
    ORDER BY worth - coalesce(handicap, 0.0) DESC LIMIT 1 OFFSET ?
)
"""


def measure(index: Index, limit: int) -> int:
    """Work out the handicaps of so many images that have none since they have changed; how many those were.

    Within a transaction. Some hundred microseconds for each.
    """
    found = [*index.read(_UNMEASURED, (limit,))]
    rows = [(handicap(next(index.read(_SHARE, (content,)))[0] or 0.0), *name) for content, *name in found]
    index.write(_MEASURED, *rows)
    return len(rows)


def forget_ghosts(index: Index, now: float, most: int = GHOSTS) -> None:
    """Forget images that are not held, once their pulls weigh nothing any more; of more than so many the last."""
    index.write(_FORGET_FADED, (now - _FADED,))
    index.write(_FORGET_LAST, (most,))
