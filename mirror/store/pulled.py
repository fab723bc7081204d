"""Images that clients were given since some time, whatever is left of them, as the index has it. Looks at no file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mirror.store.images import Image, Images, Name
from mirror.store.index import Index

_SINCE = """
SELECT upstream, repository, digest, last_pull, held FROM images
WHERE last_pull >= ? AND (upstream, repository, digest) > (?, ?, ?) ORDER BY upstream, repository, digest LIMIT ?
"""
_PINS = "SELECT tag FROM tag_pins WHERE upstream = ? AND repository = ? AND digest = ? ORDER BY tag"
_LEFT = "SELECT tag, max(seen) FROM moves WHERE upstream = ? AND repository = ? AND old = ? GROUP BY tag"


@dataclass(frozen=True, slots=True)
class Pulled:
    """`image` with the tags that point to it, as far as is known. `held`: whether its own manifest is stored.

    `pins`: tags that the operator has pinned to it. `left`: tags that were seen to point elsewhere since, and when that
    was last, by the wall clock.
    """

    image: Image
    held: bool
    pins: tuple[str, ...]
    left: Mapping[str, float]


def pulled_since(index: Index, since: float, after: Name, limit: int) -> list[Pulled]:
    """The first images after a name, in the order of names, that were pulled at that time (wall clock) or later."""
    return list(_page(index, since, after, limit))


def _page(index: Index, since: float, after: Name, limit: int) -> Iterator[Pulled]:
    images = Images(index)
    pins = images.all_pins()
    for upstream, repository, digest, last_pull, held in [*index.read(_SINCE, (since, *after, limit))]:
        name = (upstream, repository, digest)
        tags, parts, member = images.tags(name), images.closure(digest), index.member(*name)
        image = Image(
            *name,
            tags,
            (member.media_type or "") if member is not None else "",
            last_pull,
            sum(size for _, size in parts if size is not None),
            sum(size is None for _, size in parts),
            pins.covering((upstream, repository), digest, tags) is not None,
        )
        pinned_to_it = tuple(tag for (tag,) in index.read(_PINS, name))
        yield Pulled(image, bool(held), pinned_to_it, dict(index.read(_LEFT, name)))
