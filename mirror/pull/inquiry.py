"""Asking the upstream where a tag points, for as little as it can be had: a HEAD, a conditional GET, a GET.

When that fails, or would cost what is scarce, the old answer is given with a word why, as far as the verdict allows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mirror.errors import Absent, Denied, Nonsense, Refused, UpstreamError
from mirror.flights import Flights
from mirror.oci.digest import Digest
from mirror.outcome import Outcome
from mirror.pull.content import Answer, FoundManifest, Manifest
from mirror.pull.freshness import Verdict, counted
from mirror.pull.shelf import Shelf
from mirror.pull.spending import Ledger, Spender
from mirror.pull.staleness import Trouble, trouble_of, warning
from mirror.pull.tag_notes import Place, TagNotes
from mirror.pull.upstreams import Target
from mirror.pull.variants import Variant
from mirror.store.catalog import Key, TagRecord
from mirror.upstream.answers import ManifestHead

_OURS = frozenset({Trouble.FROZEN, Trouble.BUSY})  # they say nothing of the upstream


@dataclass(frozen=True, slots=True)
class TagQuestion:
    """A tag of a repository, as a client that takes `accept` asks for it; with a body (GET) or without (HEAD).

    `no_cache`: it wants no old answer. `client`: its address, for the ledger.
    """

    target: Target
    tag: str
    accept: Sequence[str] = ()
    body: bool = True
    no_cache: bool = False
    client: str = ""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A question on its way to the upstream, with what is known already."""

    question: TagQuestion
    variant: Variant
    place: Place
    verdict: Verdict
    record: TagRecord | None
    held: Manifest | None
    asked: float  # when, by the wall clock: what is learned holds from then on


class Inquiries:
    """The inquiries of all upstreams. Owns the HEADs under way, which GETs and HEADs of clients share."""

    def __init__(self, shelf: Shelf, notes: TagNotes, ledger: Ledger, now: Callable[[], float]) -> None:
        self._shelf = shelf
        self._notes = notes
        self._ledger = ledger
        self._now = now
        self._heads: Flights[tuple[Key, Verdict], ManifestHead] = Flights("head-tag")

    async def aclose(self) -> None:
        await self._heads.aclose()

    async def make(self, inquiry: Inquiry) -> FoundManifest:
        """The answer to give. Raises UpstreamError when there is none. May be cancelled."""
        try:
            return await (self._ask_sparingly if _spares(inquiry) else self._ask)(inquiry)
        except Absent:
            newer = await self._newer(inquiry)
            if newer is not None:
                return newer
            if inquiry.question.target.upstream.policy.serves_deleted and self._may_be_old(inquiry):
                return self._old(inquiry, Trouble.DELETED)
            self._notes.forget(inquiry.place, inquiry.question.client)
            raise
        except Denied:
            raise  # who may not read it now does not get what somebody could read once
        except UpstreamError as error:
            newer = await self._newer(inquiry, 0.0)  # whatever was learned is more than nothing
            if newer is not None:
                return newer
            if not self._may_be_old(inquiry):
                raise
            return self._old(inquiry, trouble_of(error))

    def refused(self, inquiry: Inquiry, error: Refused) -> FoundManifest:
        """The answer where so much is asked already that nothing could be. Raises `error` when there is none."""
        if not self._may_be_old(inquiry):
            raise error
        return self._old(inquiry, Trouble.BUSY)

    async def _ask(self, inquiry: Inquiry) -> FoundManifest:
        question = inquiry.question
        # The manifest may be here already, by its digest or for another tag: then a HEAD saves a pull.
        if inquiry.held is not None or not question.body or self._notes.scarce(question.target):
            head = await self._heads.join((inquiry.place.key, Verdict.DUE), lambda: self._head(inquiry))
            found = await self._told(inquiry, head)
            if found is not None:
                return found
        return await self._get(inquiry)

    async def _ask_sparingly(self, inquiry: Inquiry) -> FoundManifest:
        """Ask by HEAD alone: a pull limit counts GETs. What it cannot tell stays as it was."""
        question = inquiry.question
        registry, repository = question.target.upstream.registry, question.target.repository
        try:
            head = await self._heads.join(
                (inquiry.place.key, Verdict.SPARE),
                lambda: registry.peek_manifest(repository, question.tag, inquiry.variant.accept),
            )
        except (Absent, Denied):
            return await self._get(inquiry)  # some registries say so to a HEAD only; a GET that is refused costs none
        except Nonsense:
            return self._old(inquiry, Trouble.SPARED)
        return await self._unmoved(inquiry, head) or self._old(inquiry, Trouble.SPARED)

    async def _head(self, inquiry: Inquiry) -> ManifestHead:
        question = inquiry.question
        target, held = question.target, inquiry.held
        known = None if held is None else held.digest
        head = await target.upstream.registry.head_manifest(
            target.repository, question.tag, inquiry.variant.accept, known
        )
        if head.by_get:
            self._ledger.note(Spender(target.name, target.repository, question.client))
        return head

    async def _get(self, inquiry: Inquiry) -> FoundManifest:
        question, target = inquiry.question, inquiry.question.target
        got = await target.upstream.registry.manifest(target.repository, question.tag, inquiry.variant.accept)
        self._ledger.note(Spender(target.name, target.repository, question.client))
        return await self._settled(inquiry, await self._shelf.put(target, got, None), Outcome.MISS)

    async def _told(self, inquiry: Inquiry, head: ManifestHead) -> FoundManifest | None:
        """The answer as far as a HEAD can give it; None when a body is needed."""
        question, target = inquiry.question, inquiry.question.target
        if head.sent is not None:
            manifest = await self._shelf.put(target, head.sent, None)
            same = inquiry.held is not None and inquiry.held.digest == manifest.digest
            return await self._settled(inquiry, manifest, Outcome.REVALIDATED if same else Outcome.MISS)
        found = await self._unmoved(inquiry, head)
        if found is not None or question.body or head.digest is None:
            return found
        # What is held back has to be known for long enough, and only what was written down is known.
        told = None if self._notes.holds_back(inquiry.place, head.digest) else Manifest.told(head.digest, head)
        if told is None:
            return None
        self._notes.heard(inquiry.place, TagRecord(str(told.digest), inquiry.asked), question.client)
        return FoundManifest(told, Answer(Outcome.MISS))

    async def _unmoved(self, inquiry: Inquiry, head: ManifestHead) -> FoundManifest | None:
        """The answer, if what the HEAD names is held."""
        target = inquiry.question.target
        if head.digest is None:
            return None
        manifest = await self._shelf.find(target, head.digest)
        if manifest is None:
            manifest = await self._shelf.adopt(target, head.digest, head.media_type)
        if manifest is None:
            return await self._newer(inquiry)
        return await self._settled(inquiry, manifest, Outcome.REVALIDATED)

    async def _settled(self, inquiry: Inquiry, manifest: Manifest, outcome: Outcome) -> FoundManifest:
        """Write down what was learned, unless somebody has learned something newer."""
        newer = await self._newer(inquiry)
        if newer is not None:
            return newer
        record = TagRecord(str(manifest.digest), inquiry.asked)
        self._notes.write(inquiry.place, record, inquiry.question.client)
        return FoundManifest(manifest, Answer(outcome))

    async def _newer(self, inquiry: Inquiry, asked: float | None = None) -> FoundManifest | None:
        """What somebody has learned meanwhile who asked no sooner than we (or than `asked`): our answer is older.

        A GET and a HEAD of one tag may be under way at once; the slower one must not undo what the other has found.
        """
        record = self._notes.record(inquiry.place)
        if (
            record is None
            or record == inquiry.record
            or record.failed
            or record.checked < (inquiry.asked if asked is None else asked)
        ):
            return None
        manifest = await self._shelf.find(inquiry.question.target, Digest.parse(record.digest))
        return None if manifest is None else FoundManifest(manifest, Answer(Outcome.REVALIDATED))

    def _old(self, inquiry: Inquiry, trouble: Trouble) -> FoundManifest:
        """What was known before. That it could not be checked moves the clock, unless nobody was asked."""
        record, held = inquiry.record, inquiry.held
        if record is None or held is None:
            raise ValueError("there is no old answer")
        now = self._now()
        checked = counted(record.checked, inquiry.question.target.upstream.policy, now)
        old = replace(record, checked=checked)
        if trouble not in _OURS or checked != record.checked:
            lasting = record.lasting and trouble is not Trouble.DELETED  # which is an answer
            old = replace(old, failed=now, trouble=trouble.value, lasting=lasting)
        if old != record:
            self._notes.write(inquiry.place, old, inquiry.question.client)
        words = warning(trouble, inquiry.question.target.name, now - record.checked)
        return FoundManifest(held, Answer(Outcome.STALE, record.checked, words, inquiry.place.due(record)))

    def _may_be_old(self, inquiry: Inquiry) -> bool:
        """Whether the old answer may be given: there is one, within its bound, and no word since that it is gone."""
        there = inquiry.held is not None and inquiry.record is not None
        return there and inquiry.verdict is not Verdict.OVERDUE and self._notes.record(inquiry.place) is not None


def _spares(inquiry: Inquiry) -> bool:
    """Whether no pull is to be spent on it: what is not held any more has to be pulled."""
    return inquiry.verdict is Verdict.SPARE and inquiry.held is not None
