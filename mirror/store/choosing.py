"""Chooses what goes, a little at a time, so that nobody waits long for the index meanwhile. Removes nothing.

First what no image needs, the longest unused first; then whole images, what was pulled least lately and least often
for its size first, with all that no other one needs. Never: what is pinned, being fetched or being read; and what no
upstream can be asked for just now only when the bound cannot be kept otherwise, and no further than that.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any

from mirror.store.choice import Choice, Demand, Going, Staying, Why, is_out_of_reach
from mirror.store.images import Images, Name
from mirror.store.index import GATHERED, DatabaseError, Index
from mirror.store.ranking import measure
from mirror.store.release import Part, Release

_STAYING = 1000  # that are named
_AWAY = 100_000  # candidates that are put off until all others are gone; more are left to another round
_LOOKS = 200  # at candidates, before others have their turn
_PAGE = 100  # rows that are read at a time
_MEASURED = 1000  # images that are measured before others have to go, and how many of them in one transaction
_AT_ONCE = 20

# What a row is found by comes first in it, and is where the next page begins: between two pages others write.
_LOOSE = "SELECT last_use, digest FROM loose WHERE (last_use, digest) > (?, ?) ORDER BY last_use, digest LIMIT ?"
_LEAST_USED = """
SELECT last_use, digest FROM blobs WHERE pinned = 0 AND (last_use, digest) > (?, ?) ORDER BY last_use, digest LIMIT ?
"""
_BY_RANK = """
SELECT worth - coalesce(handicap, 0.0), upstream, repository, digest, content, last_pull FROM images
WHERE held = 1 AND worth - coalesce(handicap, 0.0) >= ?1
AND (worth - coalesce(handicap, 0.0), upstream, repository, digest) > (?1, ?2, ?3, ?4)
ORDER BY worth - coalesce(handicap, 0.0), upstream, repository, digest LIMIT ?5
"""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An image with its name and its last pull, or what is none; `content`: where it begins."""

    why: Why
    content: str
    name: Name | None = None
    last_pull: float | None = None


class Choosing:
    """On one thread, the index's, and in turns, between which others write: look again before anything goes.

    Nothing goes as long as it is not known which blobs are of the images that are pinned.
    """

    def __init__(self, index: Index, demand: Demand) -> None:
        self._index = index
        self._images = Images(index)
        self._pins = self._images.all_pins()
        self._release = Release(index)
        self._demand = demand
        self._gone = set(demand.gone)
        self._let_go: dict[str, list[tuple[Name, float]]] = {}  # images by their content, with their last pulls
        self._away: deque[_Candidate] = deque()
        self._bytes = demand.bytes  # that are still to go, and files
        self._files = demand.files
        self._staying: list[Staying] = []
        self._steps = self._all()
        self._has_ended = False

    @property
    def is_over(self) -> bool:
        """Whether enough goes, or nothing else may."""
        return self._has_ended or (self._bytes <= 0 and self._files <= 0)

    def next(self, most: int = _LOOKS) -> list[Going]:
        """What goes next, at most so many: perhaps nothing for now. Takes some milliseconds."""
        found: list[Going] = []
        for _ in range(_LOOKS):
            if self.is_over or len(found) >= most:
                break
            try:
                step = next(self._steps)
            except StopIteration:
                self._has_ended = True
            else:
                found += [] if step is None else [step]
        return found

    def keep(self, going: Going) -> None:
        """This was asked for since it was chosen, so others have to go in its place, and nothing of it with them."""
        self._bytes += going.bytes
        self._files += len(going.parts)
        self._gone.difference_update(digest for digest, _ in going.parts)
        parts = [Part(*part) for part in going.parts]
        for name, _ in going.of or ((None, 0.0),):
            self._release.take_back(name, parts)
        self._stays(Why.IN_USE, going.image, going.parts[0][0])

    def chosen(self, going: Sequence[Going]) -> Choice:
        """The choice, when it is over, of which this goes."""
        for candidate in self._away:
            self._stays(Why.UNREACHABLE, candidate.name, candidate.content)
        return Choice(tuple(going), tuple(self._staying), max(self._bytes, 0))

    def _all(self) -> Iterator[Going | None]:
        is_gathered = self._index.stage >= GATHERED
        if not is_gathered and self._pins.patterns:
            return
        for candidate in chain(self._loose(), self._by_rank(), () if is_gathered else self._least_used()):
            yield None if candidate is None else self._decide(candidate)
        avoidable = self._demand.bytes - self._demand.least
        while self._away and (self._bytes > avoidable or self._files > 0):
            candidate = self._away.popleft()
            yield self._goes(candidate, Why.UNAVOIDABLE, self._parts(candidate))

    def _loose(self) -> Iterator[_Candidate]:
        for _, digest in self._rows(_LOOSE, (-math.inf, "")):
            yield _Candidate(Why.LOOSE, digest)

    def _by_rank(self) -> Iterator[_Candidate | None]:
        yield from self._measured()
        for _, upstream, repository, digest, content, last_pull in self._rows(_BY_RANK, (-math.inf, "", "", "")):
            yield _Candidate(Why.LEAST_PULLED, content, (upstream, repository, digest), last_pull)

    def _measured(self) -> Iterator[None]:
        """What is not measured yet, for lack of time or of room on the disk, passes for an image of ordinary size."""
        for _ in range(_MEASURED // _AT_ONCE):
            try:
                with self._index:
                    measured = measure(self._index, _AT_ONCE)
            except DatabaseError:
                return
            yield from repeat(None, measured)
            if measured < _AT_ONCE:
                return

    def _least_used(self) -> Iterator[_Candidate]:
        """Blobs of which it is not known yet what they belong to."""
        for _, digest in self._rows(_LEAST_USED, (-math.inf, "")):
            yield _Candidate(Why.LEAST_USED, digest)

    def _rows(self, query: str, after: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        while rows := [*self._index.read(query, (*after, _PAGE))]:
            yield from rows
            after = rows[-1][: len(after)]

    def _decide(self, candidate: _Candidate) -> Going | None:
        pattern = self._pinned(candidate)
        if pattern is not None:
            self._stays(Why.PINNED, candidate.name, candidate.content, pattern)
            return None
        parts = self._parts(candidate)
        if self._is_spared(parts):
            self._release.take_back(candidate.name, parts)
            self._stays(Why.IN_USE, candidate.name, candidate.content)
            return None
        if self._is_away(candidate, parts):
            self._release.take_back(candidate.name, parts)
            if len(self._away) < _AWAY:
                self._away.append(candidate)
            return None
        return self._goes(candidate, candidate.why, parts)

    def _parts(self, candidate: _Candidate) -> list[Part]:
        if candidate.name is None:
            return self._release.document(candidate.content)
        return self._release.image(candidate.name, candidate.content)

    def _pinned(self, candidate: _Candidate) -> str | None:
        name = candidate.name
        if name is None or not self._pins.patterns:
            return None
        return self._pins.covering(name[:2], name[2], self._images.tags(name))

    def _is_spared(self, parts: Iterable[Part]) -> bool:
        return any(part.digest in spared for part in parts for spared in self._demand.spared)

    def _is_away(self, candidate: _Candidate, parts: Iterable[Part]) -> bool:
        unreachable = self._demand.unreachable
        if candidate.name is not None:
            return candidate.name[0] in unreachable
        return bool(unreachable) and any(is_out_of_reach(self._index, part.digest, unreachable) for part in parts)

    def _goes(self, candidate: _Candidate, why: Why, parts: Iterable[Part]) -> Going | None:
        name, last_pull = candidate.name, candidate.last_pull
        if name is not None:
            self._let_go.setdefault(candidate.content, []).append((name, last_pull or 0.0))
        there = [(part.digest, part.size) for part in parts if part.size is not None and part.digest not in self._gone]
        if not there:
            return None
        self._gone.update(digest for digest, _ in there)
        self._bytes -= sum(size for _, size in there)
        self._files -= len(there)
        of = tuple(one for digest, _ in there for one in self._let_go.get(digest, ()))
        return Going(why, tuple(there), name, () if name is None else self._images.tags(name), last_pull, of)

    def _stays(self, why: Why, name: Name | None, content: str, pattern: str | None = None) -> None:
        if len(self._staying) < _STAYING:
            self._staying.append(Staying(why, name, content if name is None else name[2], pattern))
