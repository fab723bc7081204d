"""What the operator keeps: pins as they are stored, of what somebody has written, and what each of them means."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from mirror.errors import Code, Refused
from mirror.oci.digest import Digest
from mirror.stock.finding import PARTS, nothing, several
from mirror.stock.naming import Naming, is_pattern
from mirror.store.images import Image
from mirror.store.looking import Looking
from mirror.store.lookup import beginning_with, image_of
from mirror.store.pins import Pins, is_of_a_digest
from mirror.store.reach import reach


def pin_of(looking: Looking, naming: Naming, text: str) -> str:
    """The pin that somebody means. Raises Malformed; Refused for the beginning of a digest that no image has.

    A digest; or a shell pattern over the names of images. The name of a repository, or of an upstream, means whatever
    is in it.
    """
    if is_pattern(text):
        return naming.pattern(text)
    named = naming.anything(text, looking.index.upstreams())
    if named.upstream is None:
        return _whole_digest(looking, named.digest or "")
    return f"{named}/*" if named.repository is None else str(named)


def known_pin(looking: Looking, naming: Naming, text: str) -> str:
    """The pin that there is and somebody means; written as it is listed, or as it was given. Raises as `pin_of`.

    Raises Refused (NOT_FOUND) when there is none.
    """
    pins = looking.images.pins()
    pin = text if text in pins else pin_of(looking, naming, text)
    if pin not in pins:
        raise Refused("there is no such pin: `mirror pin` without an image lists them", code=Code.NOT_FOUND)
    return pin


def pinned(looking: Looking) -> dict[str, Any]:
    """Every pin with what it means now. Blocks."""
    images = looking.images.list()
    return {"pins": [meaning(looking, pin, images) for pin in looking.images.pins()]}


def meaning(looking: Looking, pin: str, images: Collection[Image]) -> dict[str, Any]:
    """The images that a pin keeps, and the bytes of everything that it keeps.

    `uncounted`: whether it keeps more than was looked through of one of them, as an image may be made on purpose.
    """
    alone = Pins.of([pin])
    covered = [
        image for image in images if alone.covering((image.upstream, image.repository), image.digest, image.tags)
    ]
    kept = [_content(looking, image) for image in covered] or ([pin] if is_of_a_digest(pin) else [])
    parts: dict[str, int] = {}
    uncounted = False
    for digest in dict.fromkeys(kept):
        there = reach(looking.index, digest, PARTS)
        parts.update((part, size or 0) for part, size in there.parts)
        uncounted = uncounted or not there.is_all
    return {"pin": pin, "images": len(covered), "size": sum(parts.values()), "uncounted": uncounted}


def _content(looking: Looking, image: Image) -> str:
    known = image_of(looking.index, (image.upstream, image.repository), image.digest)
    return image.digest if known is None else known[0]


def _whole_digest(looking: Looking, text: str) -> str:
    if is_of_a_digest(text):
        return str(Digest.parse(text))
    digests = beginning_with(looking.index, text)
    if len(digests) > 1:
        raise several()
    if not digests:
        raise nothing()
    return digests[0]
