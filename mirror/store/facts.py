"""What is known about content, as the pull asks for it: who may have a digest, where a tag points, what was absent.

Two databases hold it. The catalog answers quickly and forgets by itself; the index can be ordered and joined.
Membership and tags are noted in both, so that either can be made again from the other.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, replace

from cachetools import LRUCache

from mirror.errors import StoreFailed
from mirror.store.catalog import Catalog, Key, Note, TagRecord, member_note, noted_member
from mirror.store.index import DatabaseError, Index, Member, TagRow
from mirror.store.journal import Journal
from mirror.store.listing import Listing
from mirror.store.succession import point
from mirror.store.tag_pins import KIND as TAG_PIN
from mirror.store.tag_pins import TagPins
from mirror.store.writer import Writer

_MEMBERS_KEPT = 65_536  # proofs kept in memory: about 20 MiB at the most
_TAGS_KEPT = 16_384

Heard = Callable[[Key | None], None]


class Facts:
    """Notes and answers, on the loop's thread: each method takes microseconds, and none fails for the disk's sake."""

    def __init__(
        self,
        catalog: Catalog,
        index: Index,
        write_catalog: Writer[Catalog],
        write_index: Writer[Index],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._catalog = catalog
        self._index = index
        self._write_catalog = write_catalog
        self._write_index = write_index
        self._now = now
        self._members: LRUCache[tuple[str, str, str], Member] = LRUCache(_MEMBERS_KEPT)
        self._tags: LRUCache[Key, TagRecord] = LRUCache(_TAGS_KEPT)
        self._watching: list[Heard] = []
        self.on_noted: Callable[[Note], None] | None = None  # hears of each fact that is on disk, or lost
        self.on_forgotten: Callable[[], None] | None = None  # hears of facts that are to be in no memory any more
        self.journal = Journal(index, write_index)
        self.pins = TagPins(index, write_index, self._note, self._tell)

    # what other processes note

    def watch(self, heard: Heard) -> None:
        """Have `heard` called, as long as this lasts, when another process has changed a fact: for who remembers any.

        None: any may have changed.
        """
        self._watching.append(heard)

    def heard(self, key: Key | None, digest: str | None) -> None:
        """Another process has noted this fact, of a tag with the digest that it points to now; None: perhaps any."""
        if key is None:
            self._tags.clear()
            self._members.clear()
            self.pins.read_again()
        elif key.kind == "member":
            self._members.pop((key.upstream, key.repository, key.reference), None)
        elif key.kind == TAG_PIN:
            self.pins.heard(key, self._catalog.get(key))
        else:
            known = self._tags.pop(key, None)
            if known is not None and known.digest == digest:
                return  # asked for again, and as it was
        self._tell(key)

    def forget_about(self, key: Key) -> None:
        """Forget every fact whose name is this, but for the empty parts at its end; and, once it is so, all in memory.

        For the catalog alone: what the index has is for who removes it there.
        """
        self._write_catalog.submit(lambda catalog: catalog.forget_beginning_with(key), self._forgotten)

    def look_again(self, key: Key) -> None:
        """Read this tag from disk when it is next asked for: another process may just have noted it."""
        self._tags.pop(key, None)

    # membership

    def member(self, upstream: str, repository: str, digest: str) -> Member | None:
        """The proof that this repository of this upstream has the digest, or None if the upstream has to be asked."""
        key = (upstream, repository, digest)
        found = self._members.get(key)
        if found is None:
            found = self._stored_member(key)
            if found is not None:
                self._members[key] = found
        return found

    def prove(self, member: Member) -> None:
        """Note that the upstream itself has just said so. What a manifest's type was at first stays its type."""
        known = self.member(member.upstream, member.repository, member.digest)
        if known is not None and (known.media_type is not None or member.media_type is None):
            return
        member = replace(member, since=self._now())
        self._members[(member.upstream, member.repository, member.digest)] = member
        self._write_index.submit(lambda index: index.put_members([member]))
        self._note(member_note(member))

    def forget_member(self, upstream: str, repository: str, digest: str) -> None:
        """Let the upstream be asked again whether this repository has the digest; the index is the caller's to tell."""
        self._members.pop((upstream, repository, digest), None)
        self._note(Note(Key("member", upstream, repository, digest), None))

    def disprove(self, upstream: str, repository: str, digest: str) -> None:
        """The same with the index told."""
        self.forget_member(upstream, repository, digest)
        delete = "DELETE FROM members WHERE upstream = ? AND repository = ? AND digest = ?"
        self._write_index.submit(lambda index: index.write(delete, (upstream, repository, digest)))

    # tags

    def tag(self, key: Key) -> TagRecord | None:
        """Where a tag pointed when the upstream was last asked."""
        record = self._tags.get(key)
        if record is None:
            fact = self._catalog.get(key)
            record = None if fact is None else TagRecord.of(fact)
            if record is not None:
                self._tags[key] = record
        return record

    def put_tag(self, key: Key, record: TagRecord, lifetime: float) -> None:
        """Note where a tag points; after `lifetime` seconds without another word the catalog forgets it."""
        self._tags[key] = record
        self._note(Note(key, asdict(record), lifetime))
        if not key.variant:
            row = TagRow(key.upstream, key.repository, key.reference, record.digest, record.checked)
            self._write_index.submit(lambda index: point(index, row))

    def forget_tag(self, key: Key) -> None:
        self._tags.pop(key, None)
        self._note(Note(key, None))
        if not key.variant:
            self._write_index.submit(lambda index: index.forget_tag(key.upstream, key.repository, key.reference))

    def tag_names(self, upstream: str, repository: str) -> list[str]:
        """The tags that we know of a repository, in lexical order. Reads the database: for answers that are rare."""
        try:
            return self._index.tag_names(upstream, repository)
        except DatabaseError:
            return []

    async def kept(self) -> None:
        """Wait until all that was noted so far is on disk. Raises StoreFailed when some of it may not be.

        May be cancelled; what was noted is written all the same.
        """
        writers = (self._write_index, self._write_catalog)
        before = sum(writer.lost for writer in writers)
        for writer in writers:
            await writer.flush()
        if sum(writer.lost for writer in writers) > before or not all(writer.is_lasting for writer in writers):
            raise StoreFailed("it could not be written down, so a restart may forget it")

    # lists

    def listing(self, key: Key) -> Listing | None:
        """A list as the upstream gave it when it was last asked. Reads the database: for its callers to remember."""
        fact = self._catalog.get(key)
        return None if fact is None else Listing.of(fact)

    def put_listing(self, key: Key, listing: Listing, lifetime: float) -> None:
        """Note a list; after `lifetime` seconds the catalog forgets it."""
        self._note(Note(key, asdict(listing), lifetime))

    def forget_listing(self, key: Key) -> None:
        if self._catalog.get(key) is not None:
            self._note(Note(key, None))

    def upstreams(self) -> list[str]:
        """The upstreams of which we have anything, in lexical order. Reads the database."""
        try:
            return self._index.upstreams()
        except DatabaseError:
            return []

    def repositories(self, upstream: str, after: str, limit: int) -> list[tuple[str, bool]]:
        """The first repositories after a name, in lexical order, each with whether a manifest of it is held.

        Reads the database: some microseconds for each, so `limit` should be small.
        """
        try:
            return self._index.repositories(upstream, after, limit)
        except DatabaseError:
            return []

    # absences

    def absent(self, key: Key) -> bool:
        """Whether the upstream has said so, not long ago. A clock that was set back makes it unsaid, not lasting."""
        match self._catalog.get(key):
            case {"since": int() | float() as since, "until": int() | float() as until}:
                return since <= self._now() < until
        return False

    def put_absent(self, key: Key, lifetime: float) -> None:
        if lifetime > 0 and not self.absent(key):  # one note is enough for all who were waiting
            now = self._now()
            self._note(Note(key, {"since": now, "until": now + lifetime}, lifetime))

    def forget_absent(self, key: Key) -> None:
        if self._catalog.get(key) is not None:
            self._note(Note(key, None))

    def _forgotten(self) -> None:
        self.heard(None, None)
        if self.on_forgotten is not None:
            self.on_forgotten()

    def _tell(self, key: Key | None) -> None:
        for heard in self._watching:
            heard(key)

    def _stored_member(self, key: tuple[str, str, str]) -> Member | None:
        try:
            found = self._index.member(*key)
        except DatabaseError:
            found = None
        if found is not None:
            return found
        name = Key("member", *key)
        fact = self._catalog.get(name)
        return None if fact is None else noted_member(name, fact)

    def _note(self, note: Note) -> None:
        self._catalog.note(note)
        self._write_catalog.submit(lambda catalog: catalog.write(note), lambda: self._written(note))

    def _written(self, note: Note) -> None:
        self._catalog.written(note)
        if self.on_noted is not None:
            self.on_noted(note)
