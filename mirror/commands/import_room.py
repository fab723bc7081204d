"""What room there is for an import, by the mirror that runs or by its directory. Only looks, and makes no directory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from shutil import disk_usage

from mirror.amounts import size
from mirror.commands.admin_client import AdminClient
from mirror.commands.stock_asking import TIMEOUT
from mirror.config.settings import Settings
from mirror.errors import Code, Refused, StoreError
from mirror.healthcheck import admin_url
from mirror.store.eviction import Room, Space, left
from mirror.store.looking import Looking

_FULL = "other files keep the disk too full for it, even if all went that is cached: make room there"


@dataclass(frozen=True, slots=True)
class Need:
    """What an import comes to, in bytes. `room`: that can be stored with nothing evicted; `evicted`: that have to go.

    Eviction goes in strokes, so it may be more. `target`: what the cache has to get down to.
    """

    room: int
    evicted: int
    target: int

    def __str__(self) -> str:
        if not self.evicted:
            return f"there is room for {size(self.room)}"
        would = f"at least {size(self.evicted)} of what is here would go for it"
        return f"{would}, in the order that `mirror gc --dry-run --target {self.target}` tells"


def need(settings: Settings, coming: int) -> Need:
    """What so many bytes need. Raises Refused when there cannot be room for them, OSError, MirrorError."""
    space, room = _standing(settings)
    if coming > left(replace(space, stored=0, free=space.free + space.stored), room):
        raise Refused(_FULL, code=Code.STORAGE)
    free = left(space, room)
    evicted = max(coming - free, 0)
    return Need(free, evicted, max(space.stored - evicted, 0))


def disk_of(settings: Settings) -> tuple[int, int]:
    """Bytes of the disk that the cache is on, or will be, and how many of them are free. Raises OSError."""
    root = settings.storage.root.absolute()
    there = next(place for place in (root, *root.parents) if place.exists())
    total, _, free = disk_usage(there)
    return total, free


def _standing(settings: Settings) -> tuple[Space, Room]:
    try:
        usage = AdminClient(admin_url(settings.admin.listen), TIMEOUT).get("/api/v1/usage")
    except (OSError, ValueError):
        storage = settings.storage
        return _resting(settings), Room(storage.max_size.of, storage.min_free.of)
    limit, min_free = usage["limit"], usage["min_free"]
    return Space(usage["size"], 0, usage["free"]), Room(lambda _: limit, lambda _: min_free)


def _resting(settings: Settings) -> Space:
    try:
        with Looking(settings.storage.root) as cache:
            stored = cache.index.size()
    except StoreError:
        stored = 0  # a cache that is yet to be made
    total, free = disk_of(settings)
    return Space(stored, total, free)
