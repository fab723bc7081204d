"""Where a tag points: from what we know while that is fresh, else by asking, else from what we knew.

Whether it may be answered without asking is `freshness`'s to say, and what it takes to ask is `inquiry`'s.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from mirror.errors import Absent, Code, Refused
from mirror.flights import Flights
from mirror.oci.digest import Digest
from mirror.oci.media_types import accepts
from mirror.outcome import Outcome
from mirror.pull.content import Answer, FoundManifest, Manifest
from mirror.pull.freshness import Verdict
from mirror.pull.inquiry import Inquiries, Inquiry, TagQuestion
from mirror.pull.shelf import Shelf
from mirror.pull.spending import Ledger
from mirror.pull.staleness import noted, warning_again
from mirror.pull.stand_ins import StandIn
from mirror.pull.tag_notes import Place, TagNotes
from mirror.pull.upstreams import Target
from mirror.pull.variants import MAIN, Variant, variant_for
from mirror.store.catalog import Key, TagRecord
from mirror.store.facts import Facts
from mirror.store.leases import PATIENCE, Leases


class Tags:
    """The tags of all upstreams. `now`: the wall clock, because what is noted outlives the process."""

    def __init__(
        self, shelf: Shelf, facts: Facts, ledger: Ledger, leases: Leases, now: Callable[[], float] = time.time
    ) -> None:
        self._shelf = shelf
        self._leases = leases
        self._now = now
        self._notes = TagNotes(facts, now)
        self._inquiries = Inquiries(shelf, self._notes, ledger, now)
        self._answers: Flights[tuple[Key, bool], FoundManifest] = Flights("tag")

    def recall(self, question: TagQuestion) -> FoundManifest | None:
        """The answer if it is fresh and in memory. Never waits."""
        place = _place(question, MAIN)
        record = self._notes.record(place)
        if record is None or self._notes.judge(place, record, question.no_cache) is not Verdict.FRESH:
            return None
        manifest = self._shelf.recall(question.target, record.digest)
        if manifest is None or not accepts(question.accept, manifest.media_type):
            return None
        return FoundManifest(manifest, _fresh(place, record))

    async def find(self, question: TagQuestion) -> FoundManifest:
        """The manifest that the tag points to. Raises UpstreamError when nobody can tell. May be cancelled."""
        found = await self._resolve(question, MAIN)
        if accepts(question.accept, found.manifest.media_type):
            return found
        variant = variant_for(question.accept)
        return found if variant is MAIN else await self._resolve(question, variant)

    def pinned(self, question: TagQuestion) -> StandIn | None:
        """What the operator has pinned the tag to, in whose place nobody is asked; None where he has not."""
        return self._notes.stand_ins.pinned(question.target, question.tag)

    def held_back(self, question: TagQuestion, found: FoundManifest) -> StandIn | None:
        """What is to be given in the place of what was found, which has not been known for long enough."""
        if not question.target.upstream.policy.hold:
            return None
        for variant in (MAIN, variant_for(question.accept)):
            record = self._notes.record(_place(question, variant))
            if record is not None and record.digest == str(found.manifest.digest):
                return self._notes.stand_ins.held(question.target, record)
        return None

    def stored(self, target: Target, digest: Digest) -> None:
        """Note that a manifest is now held: the tags that were heard to point to it can be written down."""
        self._notes.stored(target, digest)

    async def aclose(self) -> None:
        await self._answers.aclose()
        await self._inquiries.aclose()

    async def _resolve(self, question: TagQuestion, variant: Variant) -> FoundManifest:
        place = _place(question, variant)
        record = self._notes.record(place)
        verdict = self._notes.judge(place, record, question.no_cache)
        held = None if record is None else await self._shelf.find(question.target, Digest.parse(record.digest))
        if record is not None and held is not None:
            if verdict is Verdict.FRESH:
                return FoundManifest(held, _fresh(place, record))
            if verdict is Verdict.WAIT:
                return self._waiting(place, record, held)
        if self._notes.absent(place):
            raise Absent("the upstream has no such tag", code=Code.MANIFEST_UNKNOWN)
        inquiry = Inquiry(question, variant, place, verdict, record, held, self._now())
        try:
            return await self._answers.join((place.key, question.body), lambda: self._ask(inquiry))
        except Refused as error:
            return self._inquiries.refused(inquiry, error)

    async def _ask(self, inquiry: Inquiry) -> FoundManifest:
        """The answer, asked for once for all processes: each takes what another one has learned since it was asked."""
        async with self._leases.hold(str(inquiry.place.key), PATIENCE) as waited:
            since = -math.inf if waited else inquiry.asked
            learned = await self._learned(inquiry, since) if self._leases.are_shared else None
            return learned or await self._inquiries.make(inquiry)

    async def _learned(self, inquiry: Inquiry, since: float) -> FoundManifest | None:
        """What another process has written down, if it was learned since then, or still holds."""
        place = inquiry.place
        record = self._notes.look_again(place)
        if record is None and self._notes.absent(place):
            raise Absent("the upstream has no such tag", code=Code.MANIFEST_UNKNOWN)
        if record is None or record == inquiry.record:
            return None
        still = self._notes.judge(place, record, inquiry.question.no_cache) in (Verdict.FRESH, Verdict.WAIT)
        if not still and max(record.checked, record.failed) < since:
            return None  # that it was not known here before is no reason to take it for new
        held = await self._shelf.find(place.target, Digest.parse(record.digest))
        if held is None:
            return None
        return self._waiting(place, record, held) if record.failed else FoundManifest(held, Answer(Outcome.REVALIDATED))

    def _waiting(self, place: Place, record: TagRecord, held: Manifest) -> FoundManifest:
        words = warning_again(noted(record.trouble), place.target.name, self._now() - record.checked)
        return FoundManifest(held, Answer(Outcome.STALE, record.checked, words, place.due(record)))


def _place(question: TagQuestion, variant: Variant) -> Place:
    target = question.target
    return Place(target, Key("tag", target.name, target.repository, question.tag, variant.name))


def _fresh(place: Place, record: TagRecord) -> Answer:
    return Answer(Outcome.HIT, record.checked, None, place.due(record))
