"""Images that clients were given since some time, whatever is left of them, as the index has it. Looks at no file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mirror.store.images import Images, Name
from mirror.store.index import Index
from mirror.store.journal_schema import LEFT
from mirror.store.lookup import is_pinned

_SINCE = """
SELECT upstream, repository, digest, content, last_pull FROM images
WHERE last_pull >= ? AND (upstream, repository, digest) > (?, ?, ?) ORDER BY upstream, repository, digest LIMIT ?
"""
_PINS = "SELECT tag FROM tag_pins WHERE upstream = ? AND repository = ? AND digest = ? ORDER BY tag"


@dataclass(frozen=True, slots=True)
class Pulled:
    """An image that was pulled last at `last_pull`, by the wall clock, with the `tags` that point to it now.

    `pinned`: whether anything keeps it from eviction. `pins`: tags that the operator has pinned to it. `left`: tags
    that were seen to point elsewhere since, and when that was last, by the wall clock.
    """

    upstream: str
    repository: str
    digest: str
    tags: tuple[str, ...]
    last_pull: float
    pinned: bool
    pins: tuple[str, ...]
    left: Mapping[str, float]


def pulled_since(index: Index, since: float, after: Name, limit: int) -> list[Pulled]:
    """The first images after a name, in the order of names, that were pulled at that time (wall clock) or later."""
    return list(_page(index, since, after, limit))


def _page(index: Index, since: float, after: Name, limit: int) -> Iterator[Pulled]:
    images = Images(index)
    pins = images.all_pins()
    for upstream, repository, digest, content, last_pull in [*index.read(_SINCE, (since, *after, limit))]:
        name = (upstream, repository, digest)
        tags = images.tags(name)
        pinned = is_pinned(index, content) or pins.covering((upstream, repository), digest, tags) is not None
        pinned_to_it = tuple(tag for (tag,) in index.read(_PINS, name))
        yield Pulled(*name, tags, last_pull, pinned, pinned_to_it, dict(index.read(LEFT, name)))
