"""What is written down of tags: from a verified body, or from a HEAD whose digest is held; from nothing else.

Whether it may be answered is `freshness`'s to say; here it is put to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from cachetools import LRUCache

from mirror.oci.digest import Digest
from mirror.pull.freshness import FOR_EVER, Asking, Known, Verdict, fresh_until, judge
from mirror.pull.frugality import pressure
from mirror.pull.holding import succeeding
from mirror.pull.staleness import Trouble
from mirror.pull.stand_ins import StandIns
from mirror.pull.upstreams import Target
from mirror.store.catalog import Key, TagRecord
from mirror.store.facts import Facts
from mirror.store.journal import Sighting

_HEARD_KEPT = 1024


@dataclass(frozen=True, slots=True)
class Place:
    """A tag of a repository, with the name that it is written down under."""

    target: Target
    key: Key

    @property
    def tag(self) -> str:
        return self.key.reference

    def due(self, record: TagRecord) -> float | None:
        """When the tag has, or had, to be asked for again, by the wall clock; None for never."""
        return fresh_until(Known(record.checked), self.target.upstream.policy, self.tag)


class TagNotes:
    """The notes on all tags. `now`: the wall clock, because what is noted outlives the process."""

    def __init__(self, facts: Facts, now: Callable[[], float]) -> None:
        self._facts = facts
        self._now = now
        # The last word of a HEAD on tags whose manifest is not held yet, and for whom: written down once it is.
        self._heard: LRUCache[Key, tuple[TagRecord, str]] = LRUCache(_HEARD_KEPT)
        self.stand_ins = StandIns(facts, now)
        facts.watch(self._changed)

    def record(self, place: Place) -> TagRecord | None:
        return self._facts.tag(place.key)

    def look_again(self, place: Place) -> TagRecord | None:
        """The same as it is on disk, where another process may just have noted it."""
        self._facts.look_again(place.key)
        return self._facts.tag(place.key)

    def judge(self, place: Place, record: TagRecord | None, no_cache: bool) -> Verdict:
        """What a request for the tag means now. `no_cache`: the client wants no old answer."""
        known = None
        if record is not None:
            known = Known(record.checked, record.failed, record.trouble == Trouble.DELETED, record.lasting)
        policy = place.target.upstream.policy
        return judge(known, policy, place.tag, self._now(), Asking(_pressure(place.target), no_cache))

    def scarce(self, target: Target) -> bool:
        """Whether it is worth a question more to save a pull there."""
        return _pressure(target) > 0

    def absent(self, place: Place) -> bool:
        """Whether the upstream has said so, not long ago."""
        return self._facts.absent(replace(place.key, kind="absent"))

    def holds_back(self, place: Place, digest: Digest) -> bool:
        """Whether this would not be given to clients yet, were it what the tag points to now."""
        known, hold = self._known(place), place.target.upstream.policy.hold
        return bool(known and succeeding(known, TagRecord(str(digest), self._now()), hold).former)

    def write(self, place: Place, record: TagRecord, client: str = "") -> None:
        """Note where the tag points, whatever was heard of it before: also that there is none.

        `client`: for whom that was asked. A move is noted in the journal.
        """
        known, policy = self._known(place), place.target.upstream.policy
        self._heard.pop(place.key, None)
        self._facts.forget_absent(replace(place.key, kind="absent"))
        lifetime = FOR_EVER if record.lasting else policy.lifetime(place.tag)
        self._journal(place, self._facts.tag(place.key), record, client)
        self._facts.put_tag(place.key, succeeding(known, record, policy.hold), lifetime)

    def forget(self, place: Place, client: str = "") -> None:
        """Note that the upstream has no such tag. `client`: for whom it was asked."""
        self._journal(place, self._facts.tag(place.key), None, client)
        self._heard.pop(place.key, None)
        self._facts.forget_tag(place.key)
        self._facts.put_absent(replace(place.key, kind="absent"), place.target.upstream.policy.not_found_ttl)

    def heard(self, place: Place, record: TagRecord, client: str = "") -> None:
        """Remember what a HEAD, for this client, has said of a tag whose manifest is not held."""
        self._heard[place.key] = (record, client)

    def stored(self, target: Target, digest: Digest) -> None:
        """A manifest is now held: the tags that were heard to point to it can be written down."""
        here, name = (target.name, target.repository), str(digest)
        for key in [key for key in self._heard if (key.upstream, key.repository) == here]:
            record, client = self._heard[key]
            if record.digest == name:
                self.write(Place(target, key), record, client)

    def _known(self, place: Place) -> TagRecord | None:
        """What is known of the tag, if only from the journal where new digests of it are held back.

        Else who can take a tag away could have a new digest given at once, by way of there being none for a while.
        """
        record = self._facts.tag(place.key)
        if record is not None or place.key.variant or not place.target.upstream.policy.hold:
            return record
        last = self._facts.journal.last(place.target.name, place.target.repository, place.tag)
        return None if last is None else TagRecord(last, 0.0)

    def _journal(self, place: Place, known: TagRecord | None, record: TagRecord | None, client: str) -> None:
        """Have it noted where the upstream has the tag now, if that may be elsewhere than before."""
        if place.key.variant or (record is not None and record.failed and record.trouble != Trouble.DELETED):
            return  # a check in vain says nothing
        before = None if known is None else known.digest
        now = None if record is None or record.failed else record.digest
        if before == now and (known is None or not known.failed):
            return
        target, seen = place.target, self._now() if record is None else max(record.checked, record.failed)
        self._facts.journal.note(Sighting(target.name, target.repository, place.tag, now, before, seen, client))

    def _changed(self, key: Key | None) -> None:
        """Another process knows better."""
        if key is None:
            self._heard.clear()
        else:
            self._heard.pop(key, None)


def _pressure(target: Target) -> float:
    upstream = target.upstream
    return pressure(upstream.registry.budget, upstream.policy.reserve)
