"""What a stored document needs, and what that needs, looked through no further than somebody has time for.

An image has some hundreds of parts. A document that was made for the purpose names any number, or the same ones again
and again, each level as often as the one above.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from mirror.store.index import Index

Sizes: TypeAlias = list[tuple[str, int | None]]  # digests, and the bytes of each that is stored

_SIZE = "SELECT size FROM blobs WHERE digest = ?"
_NEEDS = "SELECT child, size FROM needs LEFT JOIN blobs ON digest = child WHERE parent = ? LIMIT ?"


@dataclass(frozen=True, slots=True)
class Reach:
    """`parts`: the document itself, and then what it needs, each once, with the bytes of each that is stored.

    `is_all`: whether there is nothing more. `is_broken`: whether something is not stored that a part of it needs, and
    not the document itself.
    """

    parts: Sizes
    is_all: bool
    is_broken: bool

    @property
    def size(self) -> int:
        """Bytes of what is stored."""
        return sum(size for _, size in self.parts if size is not None)

    @property
    def held(self) -> int:
        """How many of the parts are stored."""
        return sum(size is not None for _, size in self.parts)


def reach(index: Index, digest: str, most: int) -> Reach:
    """As far as that many needs lead, those of one document after those of another."""
    found: dict[str, int | None] = {digest: next(index.read(_SIZE, (digest,)), (None,))[0]}
    waiting, left, is_broken = deque([digest]), most, False
    while waiting:
        parent = waiting.popleft()
        rows = [*index.read(_NEEDS, (parent, left + 1))]
        for child, size in rows[:left]:
            is_broken = is_broken or (size is None and parent != digest)
            if child not in found:
                found[child] = size
                waiting.append(child)
        if len(rows) > left:
            return Reach([*found.items()], False, is_broken)
        left -= len(rows)
    return Reach([*found.items()], True, is_broken)


def needing(index: Index, digest: str) -> Iterator[str]:
    """The stored documents that need this, as they are asked for: of a layer that many share there are many."""
    for (parent,) in index.read("SELECT parent FROM needs WHERE child = ?", (digest,)):
        yield parent
