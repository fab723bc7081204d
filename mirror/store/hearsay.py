"""What the stores of sibling processes tell one another, so that none goes on believing what another has changed.

`stored`    digest, size, mtime_ns, inode: a blob was published, and this is the stamp of its verification;
`gone-blob` digest, size: a blob has been evicted or quarantined, and the index has forgotten it;
`fact`      a key's text, and for a tag the digest that it points to: something was noted, and is on disk;
`forgotten` what was noted of something has been taken back, and nothing of it is to stay in memory.

Everything told is on disk before it is told: what is not heard is read there, or looked for in vain.
"""

from __future__ import annotations

from mirror.errors import Malformed
from mirror.oci.digest import Digest
from mirror.siblings import LOST, Siblings
from mirror.store.blobs import Blobs
from mirror.store.catalog import Key, Note
from mirror.store.facts import Facts
from mirror.store.housekeeping import Housekeeping
from mirror.store.ingest import Stamp

_REMEMBERED = frozenset({"tag", "tag-pin", "tags", "referrers"})  # the kinds of facts that processes keep in memory


class Hearsay:
    """Both ends of it, for one process."""

    def __init__(self, siblings: Siblings, blobs: Blobs, facts: Facts, house: Housekeeping) -> None:
        self._siblings = siblings
        self._blobs = blobs
        self._facts = facts
        self._house = house
        if siblings.count == 1:
            return
        blobs.on_gone = self._tell_gone
        facts.on_noted = self._tell_fact
        facts.on_forgotten = lambda: siblings.tell("forgotten")
        siblings.hear("stored", self._hear_stored)
        siblings.hear("gone-blob", self._hear_gone)
        siblings.hear("fact", self._hear_fact)
        siblings.hear("forgotten", lambda: facts.heard(None, None))
        siblings.hear(LOST, self._hear_nothing)

    def tell_stored(self, digest: Digest, stamp: Stamp) -> None:
        """A blob has just been published."""
        self._siblings.tell("stored", str(digest), stamp.size, stamp.mtime_ns, stamp.inode)

    def _tell_gone(self, digest: Digest, size: int) -> None:
        self._siblings.tell("gone-blob", str(digest), size)

    def _tell_fact(self, note: Note) -> None:
        if note.key.kind in _REMEMBERED or (note.key.kind == "member" and note.fact is None):
            digest = None if note.fact is None else note.fact.get("digest")
            self._siblings.tell("fact", str(note.key), digest)

    def _hear_stored(self, digest: str, size: int, mtime_ns: int, inode: int) -> None:
        self._blobs.heard_of(Digest.parse(digest), Stamp(size, mtime_ns, inode))
        self._house.stored(size)

    def _hear_gone(self, digest: str, size: int) -> None:
        self._blobs.heard_gone(Digest.parse(digest))
        self._house.stored(-size)

    def _hear_fact(self, name: str, digest: str | None) -> None:
        try:
            key = Key.parse(name)
        except Malformed:
            return
        self._facts.heard(key, digest)

    def _hear_nothing(self) -> None:
        self._blobs.heard_lost()
        self._facts.heard(None, None)
