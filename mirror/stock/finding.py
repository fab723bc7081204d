"""The images that a name means, among those that are here."""

from __future__ import annotations

from collections.abc import Iterator

from mirror.errors import Code, Refused
from mirror.stock.naming import Named
from mirror.store.images import Image
from mirror.store.looking import Looking
from mirror.store.lookup import Place, beginning_with, places_of, pointed_to

_NOTHING = "nothing of that is cached: `mirror ls` tells what is"
_SEVERAL = "several images begin with that digest: say more of it"


def found(looking: Looking, named: Named) -> list[Image]:
    """The image, and then those of other repositories that have the same. Blocks.

    Raises Refused when there is none (MANIFEST_UNKNOWN), or when the beginning of a digest is that of several.
    """
    digest, place = _meant(looking, named)
    others = [other for other in places_of(looking.index, digest) if other != place]
    places = others if place is None else [place, *others]
    images = [image for one in places for image in _of(looking, one, digest)]
    if not images:
        raise nothing()
    return images


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


def _of(looking: Looking, place: Place, digest: str) -> Iterator[Image]:
    """The image of this repository, if its manifest is here."""
    held = [image for image in looking.images.list(*place) if image.digest == digest]
    yield from held or _part(looking, place, digest)


def _part(looking: Looking, place: Place, digest: str) -> Iterator[Image]:
    """A manifest that clients have only been given as a part of an image."""
    member = looking.index.member(*place, digest)
    if member is None or member.media_type is None:
        return
    parts = looking.images.closure(member.content or digest)
    if parts[0][1] is None:
        return
    yield Image(
        *place,
        digest,
        looking.images.tags((*place, digest)),
        member.media_type,
        0.0,
        sum(size for _, size in parts if size is not None),
        sum(size is None for _, size in parts),
        looking.images.all_pins().covering(place, digest, ()) is not None,
    )
