"""The journal of tags: each move that a tag was seen to make, in the index. Knows what was seen, not what follows.

A move is what differs from the last one that was noted; of several processes that see it, one notes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from mirror.store.index import DatabaseError, Index
from mirror.store.journal_schema import ADD, ALL_MOVES, COUNTS, LAST, LAST_DIGEST, MOVES, TRIM_TAG, TRIM_UPSTREAM
from mirror.store.journal_shares import beyond
from mirror.store.row_values import is_digest, is_media_type
from mirror.store.writer import Writer

KEPT = 1000  # moves of each tag, unless the operator says otherwise
_MOST = 1_000_000  # moves of all tags: clients may ask for any tag that there is
_LOOKS = 1000  # into how many parts that is divided: who notes so many moves looks once whether there are too many
_NEWEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Sighting:
    """Where a tag points, as the upstream said when it was asked at `seen` (wall clock, seconds) for `client`.

    `digest` is None where it said that there is no such tag. `known`: what was known to be there before, if anything.
    """

    upstream: str
    repository: str
    tag: str
    digest: str | None
    known: str | None
    seen: float
    client: str = ""


@dataclass(frozen=True, slots=True)
class Move:
    """`old` is None where nothing was known before, `new` where the upstream no longer has the tag.

    `media_type` and `size` are the new one's, None where they are not known; `client` is empty where nobody asked.
    `number`: its place in the journal; the same move wherever it stands.
    """

    upstream: str
    repository: str
    tag: str
    old: str | None
    new: str | None
    seen: float
    client: str
    media_type: str | None = None
    size: int | None = None
    number: int = field(default=0, compare=False)

    @property
    def is_sound(self) -> bool:
        """Whether this, as it was read, can have been noted here."""
        return (
            all(digest is None or is_digest(digest) for digest in (self.old, self.new))
            and isinstance(self.seen, float)
            and isinstance(self.client, str)
            and (self.media_type is None or is_media_type(self.media_type))
            and (self.size is None or isinstance(self.size, int))
        )


@dataclass(frozen=True, slots=True)
class Page:
    """So many moves, from the one on that was noted before the one with that number; None: from the newest on."""

    limit: int = KEPT
    before: int | None = None


class Journal:
    """Notes are collected by the writer, and on disk soon. `kept`: moves of each tag, `most`: of all; older ones go.

    Of all those of the upstreams that have most.
    """

    def __init__(self, index: Index, write: Writer[Index]) -> None:
        self._index = index
        self._write = write
        self._watching: list[Callable[[Move], None]] = []
        self.kept = KEPT
        self.most = _MOST
        self.moves = 0  # noted by this process, but for first sightings
        self._notes = 0  # first sightings, too; the writer's thread alone

    def watch(self, heard: Callable[[Move], None]) -> None:
        """Have `heard` called, on the loop's thread, with every move that this process has noted.

        Not with the first sighting of a tag: it may have been there for years.
        """
        self._watching.append(heard)

    def note(self, sighting: Sighting) -> None:
        """Note where a tag was seen, if it was not there before. Never waits, and never raises."""
        noted: list[tuple[Move, bool]] = []

        def write(index: Index) -> None:
            noted.extend(_noted(index, sighting))
            if noted:
                self._trim(index, sighting)

        self._write.submit(write, lambda: self._tell(noted))

    def last(self, upstream: str, repository: str, tag: str) -> str | None:
        """The digest that the tag was last seen at, if it is gone since or not; None where there is none.

        Reads the database: microseconds.
        """
        try:
            digest = next(self._index.read(LAST_DIGEST, (upstream, repository, tag)), (None,))[0]
        except DatabaseError:
            return None
        return digest if is_digest(digest) else None

    async def history(self, upstream: str, repository: str, tag: str | None = None, page: Page = Page()) -> list[Move]:
        """A page of the moves of a tag, or of all tags of a repository, the newest first, with all noted so far.

        Empty where the database cannot be read. May be cancelled.
        """
        await self._write.flush()
        place = (upstream, repository) if tag is None else (upstream, repository, tag)
        bounds = (_NEWEST if page.before is None else page.before, page.limit)
        try:
            rows = [*self._index.read(ALL_MOVES if tag is None else MOVES, (*place, *bounds))]
        except DatabaseError:
            return []
        return [move for row in rows if (move := Move(*row)).is_sound]

    def _trim(self, index: Index, sighting: Sighting) -> None:
        """Let what is beyond the bounds go. Within the same transaction."""
        index.write(TRIM_TAG, (sighting.upstream, sighting.repository, sighting.tag, self.kept))
        if self._notes % max(self.most // _LOOKS, 1) == 0:
            index.write(TRIM_UPSTREAM, *beyond(dict(index.read(COUNTS)), self.most).items())
        self._notes += 1

    def _tell(self, noted: list[tuple[Move, bool]]) -> None:
        for move, is_first in noted:
            self.moves += not is_first
            for heard in () if is_first else self._watching:
                heard(move)


def _noted(index: Index, sighting: Sighting) -> Iterator[tuple[Move, bool]]:
    """The move that is written down, if the tag was elsewhere, and whether it is the first of its tag.

    Within a transaction.
    """
    tag = (sighting.upstream, sighting.repository, sighting.tag)
    last = next(index.read(LAST, tag), None)
    old = sighting.known if last is None else last[0]
    if old == sighting.digest:
        return
    added = (*tag, old, sighting.digest, float(sighting.seen), sighting.client)
    ((media_type, size),) = [*index.read(ADD, added)]
    move = Move(*tag, old, sighting.digest, sighting.seen, sighting.client, media_type, size)
    yield move, last is None and old is None
