"""What goes when something is removed, worked out and not done: images, tags, and what then nobody needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mirror.errors import Code, Refused
from mirror.stock.finding import nothing, several
from mirror.stock.naming import Named, Naming
from mirror.store.images import Name
from mirror.store.index import GATHERED
from mirror.store.looking import Looking
from mirror.store.lookup import (
    Place,
    beginning_with,
    images_of,
    is_known,
    is_pinned,
    places_of,
    pointed_to,
    repositories_of,
    tags_of,
)
from mirror.store.release import Release

_PINNED = "that is pinned: `mirror unpin` lets go of it"
_GATHERING = "what images need is still being gathered from their manifests, while the mirror runs: try again soon"
_A_PART = "images need that: `mirror show` tells which, and what is removed is images"


@dataclass(frozen=True, slots=True)
class Going:
    """An image that is to go. `parts`: how much goes with it that nothing else needs, in `size` bytes."""

    place: Place
    digest: str
    tags: tuple[str, ...]
    parts: int = 0
    size: int = 0

    @property
    def name(self) -> str:
        """In full, by its first tag, or by its digest where it has none."""
        reference = f":{self.tags[0]}" if self.tags else f"@{self.digest}"
        return f"{'/'.join(self.place)}{reference}"


@dataclass(frozen=True, slots=True)
class Plan:
    """`whole`: repositories of which nothing is kept. `tags`: what goes of images that stay. `kept`: what is pinned.

    `members`: what repositories had for the sake of these images alone, whether or not others need it.
    """

    images: tuple[Going, ...] = ()
    members: tuple[Name, ...] = ()
    whole: tuple[Place, ...] = ()
    tags: tuple[tuple[Place, str], ...] = ()
    kept: tuple[Going, ...] = ()


def planned(looking: Looking, naming: Naming, text: str) -> tuple[Named, Plan]:
    """What this names, and what goes with it. Raises Malformed, Refused (BUSY) in an index just made, and as `plan`."""
    if looking.index.stage < GATHERED:
        raise Refused(_GATHERING, code=Code.BUSY, retry_after=10)
    named = naming.anything(text, looking.index.upstreams())
    return named, plan(looking, named)


def plan(looking: Looking, named: Named) -> Plan:
    """Blocks. Raises Refused: MANIFEST_UNKNOWN where there is nothing, DENIED where it is pinned; and StoreFailed."""
    if named.upstream is None:
        return _of_digest(looking, named.digest or "")
    if named.repository is None:
        return _of_places(looking, repositories_of(looking.index, named.upstream))
    place = (named.upstream, named.repository)
    if named.digest is not None:
        return _released(looking, [_going(looking, place, named.digest)])
    if named.tag is not None:
        return _of_tag(looking, place, named.tag)
    return _of_places(looking, [place])


def told_of(named: Named, going: Plan) -> dict[str, Any]:
    """A removal as a document, but for whether it is done."""
    return {
        "named": str(named),
        "images": [
            {"image": one.name, "digest": one.digest, "tags": list(one.tags), "blobs": one.parts, "size": one.size}
            for one in going.images
        ],
        "untagged": [f"{'/'.join(place)}:{tag}" for place, tag in going.tags],
        "kept": [{"image": one.name, "digest": one.digest} for one in going.kept],
        "blobs": sum(one.parts for one in going.images),
        "size": sum(one.size for one in going.images),
    }


def _of_tag(looking: Looking, place: Place, tag: str) -> Plan:
    digest = pointed_to(looking.index, place, tag)
    if digest is None:
        raise nothing()
    if tags_of(looking.index, place, digest) != [tag]:
        return Plan(tags=((place, tag),))  # the image goes by another name, too
    return _released(looking, [_going(looking, place, digest)])


def _of_digest(looking: Looking, text: str) -> Plan:
    digests = beginning_with(looking.index, text)
    if len(digests) > 1:
        raise several()
    if not digests:
        if looking.images.needed_by(text):
            raise Refused(_A_PART, code=Code.DENIED)
        raise nothing()
    return _released(looking, [_going(looking, place, digests[0]) for place in places_of(looking.index, digests[0])])


def _of_places(looking: Looking, places: Iterable[Place]) -> Plan:
    """Of whole repositories: what is pinned stays."""
    free: list[Going] = []
    kept: list[Going] = []
    whole: list[Place] = []
    known = False
    for place in places:
        pinned = [going for going in _images(looking, place) if _is_pinned(looking, going)]
        free += [going for going in _images(looking, place) if going not in pinned]
        kept += pinned
        if not pinned:
            whole.append(place)
        known = known or is_known(looking.index, place)
    if not known:
        raise nothing()
    if kept and not free:
        raise Refused(_PINNED, code=Code.DENIED)
    return replace(_released(looking, free), whole=tuple(whole), kept=tuple(kept))


def _released(looking: Looking, images: Iterable[Going]) -> Plan:
    """These images, each with what goes with it that has not gone with those before."""
    release = Release(looking.index)
    found = []
    for going in images:
        if _is_pinned(looking, going):
            raise Refused(_PINNED, code=Code.DENIED)
        member = looking.index.member(*going.place, going.digest)
        content = going.digest if member is None else member.content or going.digest
        parts = [part for part in release.image((*going.place, going.digest), content) if part.size is not None]
        found.append(replace(going, parts=len(parts), size=sum(part.size or 0 for part in parts)))
    return Plan(tuple(found), tuple(_members(looking, found)))


def _members(looking: Looking, going: Sequence[Going]) -> Iterator[Name]:
    """What the repositories of these images have for their sake, and for no other image's."""
    for place in dict.fromkeys(one.place for one in going):
        goes = {one.digest for one in going if one.place == place}
        stays = set(images_of(looking.index, place)) - goes
        needed = {digest for image in stays for digest, _ in looking.images.closure(image)}
        freed = {digest for image in goes for digest, _ in looking.images.closure(image)} | goes
        yield from ((*place, digest) for digest in sorted(freed - needed))


def _going(looking: Looking, place: Place, digest: str) -> Going:
    """Raises Refused for what this repository does not have."""
    if looking.index.member(*place, digest) is None and place not in places_of(looking.index, digest):
        raise nothing()
    return Going(place, digest, tuple(tags_of(looking.index, place, digest)))


def _images(looking: Looking, place: Place) -> Iterator[Going]:
    for digest in images_of(looking.index, place):
        yield Going(place, digest, tuple(tags_of(looking.index, place, digest)))


def _is_pinned(looking: Looking, going: Going) -> bool:
    if looking.images.all_pins().covering(going.place, going.digest, going.tags) is not None:
        return True
    return is_pinned(looking.index, going.digest)
