"""What a stored document needs, and what that needs, looked through no further than somebody has time for.

An image has some hundreds of parts. A document that was made for the purpose names any number, or the same ones again
and again, each level as often as the one above.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from mirror.store.images import Sizes
from mirror.store.index import Index

_SIZE = "SELECT size FROM blobs WHERE digest = ?"
_NEEDS = "SELECT child, size FROM needs LEFT JOIN blobs ON digest = child WHERE parent = ? LIMIT ?"


@dataclass(frozen=True, slots=True)
class Reach:
    """`parts`: the document itself, and then what it needs, each once, with the bytes of each that is stored.

    `is_all`: whether there is nothing more.
    """

    parts: Sizes
    is_all: bool


def reach(index: Index, digest: str, most: int) -> Reach:
    """As far as that many needs lead, those of one document after those of another."""
    found: dict[str, int | None] = {digest: next(index.read(_SIZE, (digest,)), (None,))[0]}
    waiting, left = deque([digest]), most
    while waiting:
        rows = [*index.read(_NEEDS, (waiting.popleft(), left + 1))]
        for child, size in rows[:left]:
            if child not in found:
                found[child] = size
                waiting.append(child)
        if len(rows) > left:
            return Reach([*found.items()], is_all=False)
        left -= len(rows)
    return Reach([*found.items()], is_all=True)


def needing(index: Index, digest: str) -> Iterator[str]:
    """The stored documents that need this, as they are asked for: of a layer that many share there are many."""
    for (parent,) in index.read("SELECT parent FROM needs WHERE child = ?", (digest,)):
        yield parent
