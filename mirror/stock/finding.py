"""The images that a name means, among those that are here."""

from __future__ import annotations

from dataclasses import dataclass

from mirror.errors import Code, Refused
from mirror.stock.naming import Named
from mirror.store.images import Image
from mirror.store.looking import Looking
from mirror.store.lookup import (
    Place,
    beginning_with,
    held_in,
    held_in_all,
    image_of,
    is_pinned,
    pointed_to,
)
from mirror.store.reach import Reach, reach

PARTS = 20_000  # that are looked through of an image: the largest have some thousands
_ELSEWHERE = 100  # repositories that are named

_NOTHING = "nothing of that is cached: `mirror ls` tells what is"
_SEVERAL = "several images begin with that digest: say more of it"


@dataclass(frozen=True, slots=True)
class Found:
    """An image, what it needs as far as that was looked through, and other repositories that have the same.

    `elsewhere` names the first of those, `elsewhere_all` counts them.
    """

    image: Image
    reach: Reach
    elsewhere: list[Place]
    elsewhere_all: int


def found(looking: Looking, named: Named, parts: int = PARTS) -> Found:
    """The image that is meant, looked through as far as so many parts. Blocks.

    Raises Refused when there is none (MANIFEST_UNKNOWN), or when the beginning of a digest is that of several.
    """
    digest, place = _meant(looking, named)
    others = [other for other in held_in(looking.index, digest, _ELSEWHERE + 1) if other != place]
    for one in others if place is None else [place, *others]:
        there = _of(looking, one, digest, parts)
        if there is not None:
            elsewhere = [other for other in others if other != one][:_ELSEWHERE]
            count = held_in_all(looking.index, digest) - (image_of(looking.index, one, digest) is not None)
            return Found(*there, elsewhere, count)
    raise nothing()


def nothing() -> Refused:
    """What a name is answered with that means nothing here."""
    return Refused(_NOTHING, code=Code.MANIFEST_UNKNOWN)


def several() -> Refused:
    """What the beginning of a digest is answered with that is not the beginning of one alone."""
    return Refused(_SEVERAL, code=Code.BAD_REQUEST)


def _meant(looking: Looking, named: Named) -> tuple[str, Place | None]:
    """The digest, and the repository that was named."""
    if named.upstream is None or named.repository is None:
        digests = beginning_with(looking.index, named.digest or "")
        if len(digests) > 1:
            raise several()
        return (digests or [""])[0], None
    place = (named.upstream, named.repository)
    return named.digest or pointed_to(looking.index, place, named.tag or "") or "", place


def _of(looking: Looking, place: Place, digest: str, most: int) -> tuple[Image, Reach] | None:
    """The image of this repository, if its manifest is here; or a manifest that was only given as a part of one."""
    index, member = looking.index, looking.index.member(*place, digest)
    known = image_of(index, place, digest)
    if known is None:
        if member is None or member.media_type is None:
            return None
        known = member.content or digest, 0.0
    content, last_pull = known
    parts = reach(index, content, most)
    if parts.parts[0][1] is None:
        return None
    tags = looking.images.tags((*place, digest))
    image = Image(
        *place,
        digest,
        tags,
        "" if member is None else member.media_type or "",
        last_pull,
        parts.size,
        parts.held,
        len(parts.parts) - parts.held,
        parts.is_broken,
        parts.is_all,
        is_pinned(index, content) or looking.images.all_pins().covering(place, digest, tags) is not None,
    )
    return image, parts
