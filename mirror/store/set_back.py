"""Uses and pulls that lie in the future: the clock was set back since they were noted. They are brought to the past.

Else what was used by the wrong clock would outlive all that is used by the right one. Blocks; SQL over the index.
"""

from __future__ import annotations

from collections.abc import Iterator

from mirror.store.index import Index

_SKEW = 60.0  # seconds that a use may lie in the future, before it counts as noted by a wrong clock
_BATCH = 1000  # rows a step, so that the writer gets its turn

_LATEST_USE = "SELECT max(last_use) FROM blobs WHERE pinned = ?"
_LATEST_PULL = "SELECT max(last_pull) FROM images"
_USED = "SELECT digest FROM blobs WHERE pinned IN (0, 1) AND last_use > ? LIMIT ?"
_USE = "UPDATE blobs SET last_use = last_use - ? WHERE digest = ?"
_PULLED = "SELECT upstream, repository, digest FROM images WHERE last_pull > ? LIMIT ?"
_PULL = """
UPDATE images SET last_pull = last_pull - ?1, worth = worth - ?1, first_pull = min(first_pull, last_pull - ?1)
WHERE upstream = ?2 AND repository = ?3 AND digest = ?4
"""


def is_behind(index: Index, now: float) -> bool:
    """Whether something was used in the future, as a clock has it that says `now` (wall clock)."""
    return _latest_use(index) > now + _SKEW


def brought_back(index: Index, now: float) -> Iterator[int]:
    """Let the latest use be one of `now` (wall clock), and those before it be as long before; nothing if all is well.

    A transaction a step; each step tells how many rows it has changed.
    """
    used = _latest_use(index)
    if used <= now + _SKEW:
        return  # a pull is a use, so no image was pulled later
    pulled = next(index.read(_LATEST_PULL))[0] or 0.0
    ahead = max(used, pulled) - now
    for find, change in ((_USED, _USE), (_PULLED, _PULL)):
        while rows := [*index.read(find, (now + _SKEW, _BATCH))]:
            with index:
                index.write(change, *((ahead, *row) for row in rows))
            yield len(rows)


def _latest_use(index: Index) -> float:
    return max(next(index.read(_LATEST_USE, (pinned,)))[0] or 0.0 for pinned in (0, 1))
