"""What has to go so that the rest has room: the longest unused first. Decides; deleting is the store's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

_LOW_WATER = 0.9  # of `max_size`, and of `min_free` upside down: so that eviction comes in strokes, not with each blob

_SPARE_FILES = 128  # inodes that stay free, or a quarter where there are few


@dataclass(frozen=True, slots=True)
class Room:
    """What the cache may use, in bytes, on the file system that it is on."""

    max_size: Callable[[int], int]  # of the size of the file system
    min_free: Callable[[int], int]


ENDLESS = Room(max_size=lambda _: 1 << 62, min_free=lambda _: 0)  # for who looks at a cache: nothing goes for it


@dataclass(frozen=True, slots=True)
class Space:
    """How things stand, in bytes."""

    stored: int
    total: int
    free: int


def excess(space: Space, room: Room) -> int:
    """Bytes to evict: 0 while both bounds are kept, else down to the low-water mark of the one that needs more."""
    limit = room.max_size(space.total)
    reserve = room.min_free(space.total)
    over = space.stored - int(limit * _LOW_WATER) if space.stored > limit else 0
    short = int(reserve / _LOW_WATER) - space.free if space.free < reserve else 0
    return max(over, min(short, space.stored), 0)


def overrun(space: Space, room: Room) -> int:
    """Bytes beyond the bounds themselves: what has to go whatever it is."""
    return max(space.stored - room.max_size(space.total), min(room.min_free(space.total) - space.free, space.stored), 0)


def left(space: Space, room: Room) -> int:
    """Bytes that can still be stored before there is an excess."""
    return max(min(room.max_size(space.total) - space.stored, space.free - room.min_free(space.total)), 0)


def missing_files(total: int, free: int) -> int:
    """How many files have to go so that new ones can be made: a file system may run out of them before bytes.

    `total`: that it can hold, 0 where there is no end; `free`: that may still be made.
    """
    return max(min(_SPARE_FILES, total // 4) - free, 0) if total else 0


def too_large_for(room: Room, total: int) -> int:
    """Bytes beyond which a blob goes first, on a file system of `total`: others would go in vain for its sake."""
    return int(room.max_size(total) * _LOW_WATER)


def victims(candidates: Iterable[tuple[str, int]], needed: int) -> list[tuple[str, int]]:
    """The first of these digests and sizes that add up to `needed` bytes, or all there are."""
    chosen: list[tuple[str, int]] = []
    for digest, size in candidates:
        if needed <= 0:
            break
        chosen.append((digest, size))
        needed -= size
    return chosen
