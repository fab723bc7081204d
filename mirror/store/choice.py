"""What goes so that the rest has room, in its order, and why the rest stays. Decides over the index; removes nothing.

First what no image needs, the longest unused first; then whole images, what was pulled least lately and least often
first, with all that no other one needs. Never: what is pinned, being fetched or being read; and an image of an
upstream that cannot be asked just now only when the bound cannot be kept otherwise, and no further than that.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from mirror.store.images import Images, Name
from mirror.store.index import GATHERED, Index
from mirror.store.release import Part, Release

LARGE = 256 * 1024**2  # bytes from which blobs are found by their size, however many others there are
_STAYING = 1000  # that are named

_LOOSE = "SELECT digest FROM loose ORDER BY last_use"
_LEAST_USED = "SELECT digest, size FROM blobs WHERE pinned = 0 ORDER BY last_use"
_LARGER = "SELECT digest, size FROM blobs WHERE pinned = 0 AND size > ? ORDER BY size DESC"
_LARGER_BY_INDEX = f"""
SELECT digest, size FROM blobs INDEXED BY large_blobs WHERE size > {LARGE:d} AND size > ? AND pinned = 0
ORDER BY size DESC
"""  # noqa: S608
_BY_WORTH = "SELECT upstream, repository, digest, content, last_pull, worth FROM images WHERE held = 1 ORDER BY worth"
_PARENTS = "SELECT parent FROM needs WHERE child = ?"
_PULLED = "SELECT 1 FROM images WHERE content = ? AND held = 1 AND worth > ?"


class Why(Enum):
    """Why something goes, or stays."""

    TOO_LARGE = "larger than the cache may hold"
    LOOSE = "no image needs it"
    LEAST_PULLED = "pulled least lately and least often"
    UNAVOIDABLE = "its upstream cannot be asked, but nothing else is left"
    LEAST_USED = "used longest ago"  # while it is not known yet which images there are
    PINNED = "pinned"
    IN_USE = "being pulled or read"
    UNREACHABLE = "its upstream cannot be asked just now"


@dataclass(frozen=True, slots=True)
class Demand:
    """How much has to go: bytes, and files. `least`: bytes of them that have to go whatever upstream they are of.

    `spared`: digests that are being fetched or read. `gone`: those that go in any case. `unreachable`: upstreams that
    cannot be asked.
    """

    bytes: int
    files: int = 0
    least: int = 0
    spared: frozenset[str] = frozenset()
    unreachable: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Going:
    """`parts` go together, in this order. `image` and what follows are of an image, else empty.

    `worth`: at most that of the images that are to be gone with it.
    """

    why: Why
    parts: tuple[tuple[str, int], ...]
    image: Name | None = None
    tags: tuple[str, ...] = ()
    last_pull: float | None = None
    worth: float = -math.inf

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


def choose(index: Index, demand: Demand) -> Choice:
    """What is to go for this. Some microseconds for each thing that goes, and for each that is passed over.

    Nothing as long as it is not known which blobs are of the images that are pinned.
    """
    choosing = _Choosing(index, demand)
    if index.stage < GATHERED and Images(index).all_pins().patterns:
        return Choice((), (), max(demand.bytes, 0))
    choosing.loose()
    choosing.images()
    choosing.postponed()
    if index.stage < GATHERED:
        choosing.rest()
    return Choice(tuple(choosing.going), tuple(choosing.staying), max(choosing.bytes, 0))


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
    for digest, _ in going.parts:
        if any(parent not in gone for (parent,) in index.read(_PARENTS, (digest,))):
            return True
        if any(index.read(_PULLED, (digest, going.worth))):
            return True
    return False


def larger_than(index: Index, size: int) -> list[tuple[str, int]]:
    """Digests and sizes of what is not pinned and has more bytes, the largest first."""
    found = [*index.read(_LARGER_BY_INDEX if size >= LARGE else _LARGER, (size,))]
    images = Images(index)
    return [(digest, bytes_) for digest, bytes_ in found if not images.is_pinned(digest)]


def least_used(index: Index) -> Iterator[tuple[str, int]]:
    """Digests and sizes of what is not pinned, the longest unused first."""
    yield from index.read(_LEAST_USED)


class _Choosing:
    """`bytes` and `files` are what is still to go."""

    def __init__(self, index: Index, demand: Demand) -> None:
        self._index = index
        self._release = Release(index)
        self._demand = demand
        self._gone = set(demand.gone)
        self._later: list[tuple[Name, str, float]] = []
        self._worth = -math.inf  # of those that were looked at, the greatest
        self.bytes = demand.bytes
        self.files = demand.files
        self.going: list[Going] = []
        self.staying: list[Staying] = []

    @property
    def _is_done(self) -> bool:
        return self.bytes <= 0 and self.files <= 0

    def loose(self) -> None:
        for (digest,) in self._index.read(_LOOSE):
            if self._is_done:
                return
            parts = self._release.document(digest)
            if self._is_spared(parts):
                self._release.take_back(None, parts)
                self._stays(Why.IN_USE, None, digest)
            else:
                self._goes(Going(Why.LOOSE, self._stored(parts)))

    def images(self) -> None:
        images = Images(self._index)
        pins = images.all_pins()
        for upstream, repository, digest, content, last_pull, worth in self._index.read(_BY_WORTH):
            if self._is_done:
                return
            self._worth = worth
            name = (upstream, repository, digest)
            pattern = pins.covering(name[:2], digest, images.tags(name)) if pins.patterns else None
            if pattern is not None:
                self._stays(Why.PINNED, name, digest, pattern)
            elif upstream in self._demand.unreachable:
                self._later.append((name, content, last_pull))
            else:
                self._image(name, content, last_pull, Why.LEAST_PULLED)

    def postponed(self) -> None:
        """Of images whose upstream cannot be asked only as many as are unavoidable."""
        avoidable = self._demand.bytes - self._demand.least
        for name, content, last_pull in self._later:
            if self.bytes <= avoidable and self.files <= 0:
                self._stays(Why.UNREACHABLE, name, name[2])
            else:
                self._image(name, content, last_pull, Why.UNAVOIDABLE)

    def rest(self) -> None:
        """Of blobs of which it is not known yet what they belong to, those that were used longest ago."""
        for digest, _ in least_used(self._index):
            if self._is_done:
                return
            if digest not in self._demand.spared:
                parts = self._stored(self._release.document(digest))
                self._goes(Going(Why.LEAST_USED, parts, worth=self._worth))

    def _image(self, name: Name, content: str, last_pull: float, why: Why) -> None:
        parts = self._release.image(name, content)
        if self._is_spared(parts):
            self._release.take_back(name, parts)
            self._stays(Why.IN_USE, name, name[2])
        elif stored := self._stored(parts):
            self._goes(Going(why, stored, name, Images(self._index).tags(name), last_pull, self._worth))

    def _stored(self, parts: Iterable[Part]) -> tuple[tuple[str, int], ...]:
        there = ((part.digest, part.size) for part in parts if part.digest not in self._gone)
        return tuple((digest, size) for digest, size in there if size is not None)

    def _is_spared(self, parts: Iterable[Part]) -> bool:
        return any(part.digest in self._demand.spared for part in parts)

    def _goes(self, going: Going) -> None:
        if going.parts:
            self.going.append(going)
            self._gone.update(digest for digest, _ in going.parts)
            self.bytes -= going.bytes
            self.files -= len(going.parts)

    def _stays(self, why: Why, name: Name | None, digest: str, pattern: str | None = None) -> None:
        if len(self.staying) < _STAYING:
            self.staying.append(Staying(why, name, digest, pattern))
