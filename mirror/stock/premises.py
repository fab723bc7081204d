"""Where a cache lies, what it may use and what names mean there; and a look into it beside whoever uses it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mirror.config.settings import Settings
from mirror.errors import StoreFailed
from mirror.stock.naming import Naming
from mirror.store.eviction import Room
from mirror.store.index import DatabaseError
from mirror.store.looking import Looking

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Premises:
    """Where the cache lies, what it may use, and what names mean there."""

    root: Path
    room: Room
    naming: Naming

    def look(self, call: Callable[[Looking], T]) -> T:
        """What `call` makes of the directory. Blocks. Raises what it raises, and StoreFailed."""
        with Looking(self.root) as looking:
            try:
                return call(looking)
            except (DatabaseError, OSError) as error:
                raise StoreFailed(f"the cache in {self.root} cannot be looked into: {error}") from error


def premises_of(settings: Settings, own: Callable[[str], bool]) -> Premises:
    """Those of a mirror that is configured so. `own`: whether a host is one that it is asked at."""
    storage, aliases = settings.storage, settings.aliases()
    naming = Naming(aliases[settings.default_upstream], aliases, own)
    return Premises(storage.root, Room(storage.max_size.of, storage.min_free.of), naming)
