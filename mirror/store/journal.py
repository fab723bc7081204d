"""The journal of tags: each move that a tag was seen to make, in the index. Knows what was seen, not what follows.

A move is what differs from the last one that was noted; of several processes that see it, one notes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mirror.store.index import DatabaseError, Index
from mirror.store.journal_schema import ADD, ALL_MOVES, LAST, LAST_DIGEST, MOVES, TRIM, TRIM_TAG
from mirror.store.row_values import is_digest, is_media_type
from mirror.store.writer import Writer

KEPT = 1000  # moves of each tag, unless the operator says otherwise
_MOST = 1_000_000  # moves of all tags: clients may ask for any tag that there is


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


class Journal:
    """Notes are collected by the writer, and on disk soon. `kept`: moves of each tag, `most`: of all; older ones go."""

    def __init__(self, index: Index, write: Writer[Index]) -> None:
        self._index = index
        self._write = write
        self._watching: list[Callable[[Move], None]] = []
        self.kept = KEPT
        self.most = _MOST
        self.moves = 0  # noted by this process, but for first sightings

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

    async def history(self, upstream: str, repository: str, tag: str | None = None, limit: int = KEPT) -> list[Move]:
        """The latest moves of a tag, or of all tags of a repository, the newest first, with all noted so far.

        Empty where the database cannot be read. May be cancelled.
        """
        await self._write.flush()
        place = (upstream, repository) if tag is None else (upstream, repository, tag)
        try:
            rows = [*self._index.read(ALL_MOVES if tag is None else MOVES, (*place, limit))]
        except DatabaseError:
            return []
        return [move for row in rows if (move := Move(*row)).is_sound]

    def _trim(self, index: Index, sighting: Sighting) -> None:
        """Let what is beyond the bounds go. Within the same transaction."""
        index.write(TRIM_TAG, (sighting.upstream, sighting.repository, sighting.tag, self.kept))
        index.write(TRIM, (self.most,))

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
