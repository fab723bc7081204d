"""What goes so that the rest has room, and why the rest stays: the values, and questions about them to the index.

Knows no order in which things go, and removes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable
from dataclasses import dataclass
from enum import Enum

from mirror.store.images import Images, Name
from mirror.store.index import Index

LARGE = 256 * 1024**2  # bytes from which blobs are found by their size, however many others there are

_LARGER = "SELECT digest, size FROM blobs WHERE pinned = 0 AND size > ? ORDER BY size DESC"
_LARGER_BY_INDEX = f"""
SELECT digest, size FROM blobs INDEXED BY large_blobs WHERE size > {LARGE:d} AND size > ? AND pinned = 0
ORDER BY size DESC
"""  # noqa: S608
_PARENTS = "SELECT parent FROM needs WHERE child = ?"
_IMAGES = "SELECT upstream, repository, digest, last_pull FROM images WHERE content = ? AND held = 1"
_UPSTREAMS = "SELECT DISTINCT upstream FROM members WHERE coalesce(content, digest) = ?"


class Why(Enum):
    """Why something goes, or stays."""

    TOO_LARGE = "larger than the cache may hold"
    LOOSE = "no image needs it"
    LEAST_PULLED = "pulled least lately and least often for its size"
    UNAVOIDABLE = "its upstream cannot be asked, but nothing else is left"
    LEAST_USED = "used longest ago"  # while it is not known yet which images there are
    PINNED = "pinned"
    IN_USE = "being pulled or read"
    UNREACHABLE = "its upstream cannot be asked just now"


@dataclass(frozen=True, slots=True)
class Demand:
    """How much has to go: bytes, and files. `least`: bytes of them that have to go whatever upstream they are of.

    `spared`: digests in any of these are being fetched or read. `gone`: those that go in any case. `unreachable`:
    upstreams that cannot be asked.
    """

    bytes: int
    files: int = 0
    least: int = 0
    spared: tuple[Container[str], ...] = ()
    unreachable: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Going:
    """`parts` go together, in this order. `image` and what follows are of an image, else empty.

    `of`: all images that the parts are, with their last pulls as they were known when this was chosen.
    """

    why: Why
    parts: tuple[tuple[str, int], ...]
    image: Name | None = None
    tags: tuple[str, ...] = ()
    last_pull: float | None = None
    of: tuple[tuple[Name, float], ...] = ()

    @property
    def bytes(self) -> int:
        return sum(size for _, size in self.parts)


@dataclass(frozen=True, slots=True)
class Staying:
    """An image, or a blob that no image needs, that would have been next. `pattern`: the pin that it is kept by."""

    why: Why
    image: Name | None
    digest: str
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """`lacking`: bytes that should go, and cannot."""

    going: tuple[Going, ...]
    staying: tuple[Staying, ...]
    lacking: int

    @property
    def bytes(self) -> int:
        return sum(one.bytes for one in self.going)


def still_going(index: Index, batch: Iterable[Going]) -> list[Going]:
    """Those of which nothing is needed or pinned since they were chosen, or was pulled, once those before are gone."""
    found: list[Going] = []
    gone: set[str] = set()
    for going in batch:
        parts = {digest for digest, _ in going.parts}
        if going.why is Why.TOO_LARGE or not _is_wanted(index, going, gone | parts):
            found.append(going)
            gone |= parts
    return found


def _is_wanted(index: Index, going: Going, gone: set[str]) -> bool:
    if going.image is not None and Images(index).is_pinned(going.parts[0][0]):
        return True
    let_go = dict(going.of)
    for digest, _ in going.parts:
        if any(parent not in gone for (parent,) in index.read(_PARENTS, (digest,))):
            return True
        for *name, last_pull in index.read(_IMAGES, (digest,)):
            if last_pull > let_go.get((name[0], name[1], name[2]), -math.inf):
                return True
    return False


def larger_than(index: Index, size: int) -> list[tuple[str, int]]:
    """Digests and sizes of what is not pinned and has more bytes, the largest first."""
    found = [*index.read(_LARGER_BY_INDEX if size >= LARGE else _LARGER, (size,))]
    images = Images(index)
    return [(digest, bytes_) for digest, bytes_ in found if not images.is_pinned(digest)]


def is_out_of_reach(index: Index, digest: str, unreachable: frozenset[str]) -> bool:
    """Whether all upstreams that are known to have this are among these; not where none is known to."""
    upstreams = {upstream for (upstream,) in index.read(_UPSTREAMS, (digest,))}
    return bool(upstreams) and upstreams <= unreachable
