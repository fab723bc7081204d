"""Where a tag points: from what we know while that is fresh, else by asking, else from what we knew.

A tag is written down from a verified body, or from a HEAD whose digest is held; from nothing else. Whether it may be
answered without asking is `freshness`'s to say.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from cachetools import LRUCache

from mirror.errors import Absent, Code, Denied, Throttled, Unreachable, UpstreamError
from mirror.flights import Flights
from mirror.oci.digest import Digest
from mirror.oci.media_types import accepts
from mirror.outcome import Outcome
from mirror.pull.content import Answer, FoundManifest, Manifest
from mirror.pull.freshness import Known, Verdict, fresh_until, judge
from mirror.pull.shelf import Shelf
from mirror.pull.upstreams import Target
from mirror.pull.variants import MAIN, Variant, variant_for
from mirror.store.catalog import Key, TagRecord
from mirror.store.facts import Facts
from mirror.upstream.answers import ManifestHead

_HEARD_KEPT = 1024


@dataclass(frozen=True, slots=True)
class TagQuestion:
    """A tag of a repository, as a client that takes `accept` asks for it; with a body (GET) or without (HEAD)."""

    target: Target
    tag: str
    accept: Sequence[str] = ()
    body: bool = True


@dataclass(frozen=True, slots=True)
class _Inquiry:
    """A question on its way to the upstream, with what is known already."""

    question: TagQuestion
    variant: Variant
    key: Key
    verdict: Verdict
    record: TagRecord | None
    held: Manifest | None
    asked: float  # when, by the wall clock: what is learned holds from then on


class Tags:
    """The tags of all upstreams. `now`: the wall clock, because what is noted outlives the process."""

    def __init__(self, shelf: Shelf, facts: Facts, now: Callable[[], float] = time.time) -> None:
        self._shelf = shelf
        self._facts = facts
        self._now = now
        self._answers: Flights[tuple[Key, bool], FoundManifest] = Flights("tag")
        self._heads: Flights[Key, ManifestHead] = Flights("head-tag")
        # The last word of a HEAD on tags whose manifest is not held yet: written down once it is.
        self._heard: LRUCache[Key, TagRecord] = LRUCache(_HEARD_KEPT)

    def recall(self, question: TagQuestion) -> FoundManifest | None:
        """The answer if it is fresh and in memory. Never waits."""
        key = _key(question, MAIN)
        record = self._facts.tag(key)
        if record is None or self._judge(question, record) is not Verdict.FRESH:
            return None
        manifest = self._shelf.recall(question.target, record.digest)
        if manifest is None or not accepts(question.accept, manifest.media_type):
            return None
        return FoundManifest(manifest, self._fresh(question, record))

    async def find(self, question: TagQuestion) -> FoundManifest:
        """The manifest that the tag points to. Raises UpstreamError when nobody can tell. May be cancelled."""
        found = await self._resolve(question, MAIN)
        if accepts(question.accept, found.manifest.media_type):
            return found
        variant = variant_for(question.accept)
        return found if variant is MAIN else await self._resolve(question, variant)

    def stored(self, target: Target, digest: Digest) -> None:
        """Note that a manifest is now held: the tags that were heard to point to it can be written down."""
        here, name = (target.name, target.repository), str(digest)
        for key in [key for key in self._heard if (key.upstream, key.repository) == here]:
            if self._heard[key].digest == name:
                self._write(key, target, self._heard[key])

    async def aclose(self) -> None:
        await self._answers.aclose()
        await self._heads.aclose()

    async def _resolve(self, question: TagQuestion, variant: Variant) -> FoundManifest:
        key = _key(question, variant)
        record = self._facts.tag(key)
        verdict = self._judge(question, record)
        held = None if record is None else await self._shelf.find(question.target, Digest.parse(record.digest))
        if record is not None and held is not None and verdict in (Verdict.FRESH, Verdict.WAIT):
            if verdict is Verdict.FRESH:
                return FoundManifest(held, self._fresh(question, record))
            return self._stale(held, record, f"{question.target.name} could not be asked a moment ago")
        if self._facts.absent(replace(key, kind="absent")):
            raise Absent("the upstream has no such tag", code=Code.MANIFEST_UNKNOWN)
        inquiry = _Inquiry(question, variant, key, verdict, record, held, self._now())
        return await self._answers.join((key, question.body), lambda: self._ask(inquiry))

    async def _ask(self, inquiry: _Inquiry) -> FoundManifest:
        question, target = inquiry.question, inquiry.question.target
        try:
            if inquiry.held is not None or not question.body:
                found = await self._ask_head(inquiry)
                if found is not None:
                    return found
            got = await target.upstream.registry.manifest(target.repository, question.tag, inquiry.variant.accept)
            manifest = await self._shelf.put(target, got, None)
        except Absent:
            newer = await self._newer(inquiry)
            if newer is not None:
                return newer
            self._heard.pop(inquiry.key, None)
            self._facts.forget_tag(inquiry.key)
            self._facts.put_absent(replace(inquiry.key, kind="absent"), target.upstream.policy.not_found_ttl)
            raise
        except Denied:
            raise  # who may not read it now does not get what somebody could read once
        except UpstreamError as error:
            newer = await self._newer(inquiry, 0.0)  # whatever was learned is more than nothing
            if newer is not None:
                return newer
            if inquiry.held is None or inquiry.record is None or inquiry.verdict is Verdict.OVERDUE:
                raise
            record = replace(inquiry.record, failed=self._now())
            self._write(inquiry.key, target, record)
            return self._stale(inquiry.held, record, f"{target.name} {_trouble(error)}")
        newer = await self._newer(inquiry)
        if newer is not None:
            return newer
        self._write(inquiry.key, target, TagRecord(str(manifest.digest), inquiry.asked))
        return FoundManifest(manifest, Answer(Outcome.MISS))

    async def _ask_head(self, inquiry: _Inquiry) -> FoundManifest | None:
        """The answer as far as a HEAD can give it; None when a body is needed."""
        question, target = inquiry.question, inquiry.question.target
        head = await self._heads.join(
            inquiry.key,
            lambda: target.upstream.registry.head_manifest(target.repository, question.tag, inquiry.variant.accept),
        )
        if head.digest is None:
            return None
        manifest = await self._shelf.find(target, head.digest)
        if manifest is None:
            manifest = await self._shelf.adopt(target, head.digest, head.media_type)
        newer = await self._newer(inquiry)
        if newer is not None:
            return newer
        if manifest is not None:
            self._write(inquiry.key, target, TagRecord(str(manifest.digest), inquiry.asked))
            return FoundManifest(manifest, Answer(Outcome.REVALIDATED))
        told = None if question.body else Manifest.told(head.digest, head)
        if told is None:
            return None
        self._heard[inquiry.key] = TagRecord(str(told.digest), inquiry.asked)
        return FoundManifest(told, Answer(Outcome.MISS))

    async def _newer(self, inquiry: _Inquiry, asked: float | None = None) -> FoundManifest | None:
        """What somebody has learned meanwhile who asked no sooner than we (or than `asked`): our answer is older.

        A GET and a HEAD of one tag may be under way at once; the slower one must not undo what the other has found.
        """
        record = self._facts.tag(inquiry.key)
        if (
            record is None
            or record == inquiry.record
            or record.failed
            or record.checked < (inquiry.asked if asked is None else asked)
        ):
            return None
        manifest = await self._shelf.find(inquiry.question.target, Digest.parse(record.digest))
        return None if manifest is None else FoundManifest(manifest, Answer(Outcome.REVALIDATED))

    def _judge(self, question: TagQuestion, record: TagRecord | None) -> Verdict:
        known = None if record is None else Known(record.checked, record.failed)
        return judge(known, question.target.upstream.policy, question.tag, self._now())

    def _write(self, key: Key, target: Target, record: TagRecord) -> None:
        self._heard.pop(key, None)
        self._facts.put_tag(key, record, target.upstream.policy.lifetime(key.reference))

    def _fresh(self, question: TagQuestion, record: TagRecord) -> Answer:
        until = fresh_until(Known(record.checked), question.target.upstream.policy, question.tag)
        return Answer(Outcome.HIT, record.checked, None, until)

    def _stale(self, manifest: Manifest, record: TagRecord, reason: str) -> FoundManifest:
        age = max(int(self._now() - record.checked), 0)
        warning = f"{reason}; this tag was last checked {_in_words(age)} ago"
        return FoundManifest(manifest, Answer(Outcome.STALE, record.checked, warning))


def _key(question: TagQuestion, variant: Variant) -> Key:
    return Key("tag", question.target.name, question.target.repository, question.tag, variant.name)


def _trouble(error: UpstreamError) -> str:
    if isinstance(error, Throttled):
        return "limits our requests"
    return "does not answer" if isinstance(error, Unreachable) else "gives answers that cannot be used"


def _in_words(seconds: int) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
