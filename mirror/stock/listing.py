"""The images that are here, as a list: those that are wanted, in the order that is wanted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from mirror.errors import Code, Refused
from mirror.stock.completeness import completeness
from mirror.stock.naming import Naming, is_pattern
from mirror.store.images import Image, Images
from mirror.store.pulled import Pulled

MOST = 10_000  # images in one list

_LATEST = 253_402_300_799  # the last second that has a date


class Order(StrEnum):
    PULL = "pull"  # the one pulled last first
    SIZE = "size"  # the largest first
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Wanted:
    """`pattern`: a name, what names below it begin with, or a shell pattern; empty for all. See `is_named`."""

    pattern: str = ""
    upstream: str | None = None
    order: Order = Order.PULL
    pinned: bool = False  # only those


def wanted_of(query: Mapping[str, str]) -> Wanted:
    """What is wanted by these words: `pattern`, `upstream`, `sort`, `pinned` (`true`, `false`). Raises Refused."""
    try:
        order = Order(query.get("sort", Order.PULL))
        pinned = {"true": True, "false": False}[query.get("pinned", "false")]
    except (ValueError, KeyError):
        words = f"`sort` is one of {', '.join(Order)}, and `pinned` true or false"
        raise Refused(words, code=Code.BAD_REQUEST) from None
    return Wanted(query.get("pattern", ""), query.get("upstream"), order, pinned)


def listed(images: Images, naming: Naming, wanted: Wanted) -> dict[str, Any]:
    """The list as a document; `total` counts those beyond MOST, too. Blocks, for seconds where there are many."""
    found = _ordered(chosen(images, naming, wanted), wanted.order)
    return {"images": [row(image) for image in found[:MOST]], "total": len(found)}


def chosen(images: Images, naming: Naming, wanted: Wanted) -> Iterator[Image]:
    """Those that are wanted, in the order of their names."""
    upstream = None if wanted.upstream is None else naming.aliases.get(wanted.upstream.lower(), wanted.upstream.lower())
    for image in images.list(upstream):
        if (image.pinned or not wanted.pinned) and (not wanted.pattern or is_named(image, wanted.pattern, naming)):
            yield image


def is_named(image: Image | Pulled, pattern: str, naming: Naming) -> bool:
    """Whether this stands for the image: as Docker would name it or in full; with its tag, its digest, or neither.

    Without `*`, `?` and `[` it may also be the beginning of the name up to a `/`, or that of the digest.
    """
    names = list(_names(image, naming))
    if is_pattern(pattern):
        return any(fnmatchcase(name, pattern) for name in names)
    below = f"{pattern}/"
    return any(name == pattern or name.startswith(below) for name in names) or (
        ":" in pattern and image.digest.startswith(pattern)
    )


def row(image: Image) -> dict[str, Any]:
    """One image in a list, as a document. `uncounted`: whether it has more than was looked through."""
    return {
        "image": name_of(image),
        "upstream": image.upstream,
        "repository": image.repository,
        "digest": image.digest,
        "tags": list(image.tags),
        "media_type": image.media_type,
        "last_pull": moment(image.last_pull),
        "size": image.size,
        "completeness": completeness(image).value,
        "uncounted": not image.is_all,
        "pinned": image.pinned,
    }


def name_of(image: Image) -> str:
    """In full, by its first tag, or by its digest where it has none."""
    reference = f":{image.tags[0]}" if image.tags else f"@{image.digest}"
    return f"{image.upstream}/{image.repository}{reference}"


def moment(when: float) -> str | None:
    """As RFC 3339 has it; None for one that is not known."""
    return datetime.fromtimestamp(when, UTC).isoformat(timespec="seconds") if 0 < when < _LATEST else None


def _names(image: Image | Pulled, naming: Naming) -> Iterator[str]:
    names = {f"{image.upstream}/{image.repository}", naming.familiar(image.upstream, image.repository)}
    if image.upstream == naming.default:
        names.add(image.repository)
    for name in names:
        yield name
        yield f"{name}@{image.digest}"
        yield from (f"{name}:{tag}" for tag in image.tags)


def _ordered(images: Iterable[Image], order: Order) -> list[Image]:
    if order is Order.NAME:
        return list(images)
    if order is Order.SIZE:
        return sorted(images, key=lambda image: -image.size)
    return sorted(images, key=lambda image: -image.last_pull)
