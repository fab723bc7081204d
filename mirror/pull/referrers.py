"""What refers to a manifest: signatures, SBOMs, …. While it is fresh from what we know, else from the upstream.

When that cannot be asked, the list is answered as it was, with a word why; one that nobody has ever had is an error.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from cachetools import LRUCache

from mirror.errors import Absent, Code, Denied, Malformed, Throttled, Unreachable, UpstreamError
from mirror.flights import Flights
from mirror.oci.digest import Digest
from mirror.oci.referrers import Referrer, of_type, parse_referrers, written
from mirror.outcome import Outcome
from mirror.pull.content import Answer
from mirror.pull.freshness import Known, Verdict, counted, judge
from mirror.pull.manifests import Manifests
from mirror.pull.referrer_sources import ReferrerSources, ReferrersQuestion
from mirror.pull.upstreams import Target
from mirror.store.catalog import Key
from mirror.store.facts import Facts
from mirror.store.leases import PATIENCE, Leases
from mirror.store.listing import Listing
from mirror.tasks import worked

_KEPT = 8 * 1024**2  # characters of lists in memory
_OVERHEAD = 1000  # characters that each of them counts for beside its own
_NOTED = 1024**2  # characters beyond which a list is not noted on disk
_NO_TAG = ""


@dataclass(frozen=True, slots=True)
class FoundReferrers:
    """The list as an image index, and the digest of these bytes."""

    body: bytes
    digest: Digest
    answer: Answer


@dataclass(frozen=True, slots=True)
class _Known:
    """A whole list, as it is written and with when that was."""

    referrers: tuple[Referrer, ...]
    listing: Listing


class Referrers:
    """The referrers of all upstreams. Lists are kept whole, whatever is asked of them. `now` is the wall clock."""

    def __init__(
        self, manifests: Manifests, facts: Facts, leases: Leases, now: Callable[[], float] = time.time
    ) -> None:
        self._sources = ReferrerSources(manifests, facts)
        self._facts = facts
        self._leases = leases
        self._now = now
        self._memory: LRUCache[Key, _Known] = LRUCache(_KEPT, lambda known: len(known.listing.text) + _OVERHEAD)
        # Who waits for one may want another part of it, so what they share is the whole list.
        self._flights: Flights[Key, tuple[_Known, Answer]] = Flights("referrers")
        facts.watch(self._changed)

    async def find(self, question: ReferrersQuestion) -> FoundReferrers:
        """The list. Raises UpstreamError when nobody can tell what is on it. May be cancelled.

        That there was nothing on it does not tell that there still is: an old list is only answered with something.
        """
        known, answer = await self._whole(question)
        referrers, text = known.referrers, known.listing.text
        if question.artifact_type is not None:
            referrers = of_type(referrers, question.artifact_type)
            text = await _text(referrers)
        if answer.outcome is Outcome.STALE and not referrers:
            raise Unreachable(f"{question.target.name} cannot be asked whether there are referrers now")
        body = text.encode()
        return FoundReferrers(body, Digest.of(body), answer)

    async def aclose(self) -> None:
        await self._flights.aclose()

    async def _whole(self, question: ReferrersQuestion) -> tuple[_Known, Answer]:
        target, key = question.target, _key(question)
        known = await self._recall(key)
        verdict = self._judge(target, known)
        if known is not None and verdict is Verdict.FRESH:
            return known, Answer(Outcome.HIT, known.listing.checked)
        if known is not None and verdict is Verdict.WAIT:
            return known, _stale(target, known, f"{target.name} could not be asked a moment ago")
        if self._facts.absent(_absence(key)):
            raise Absent("the upstream has no such manifest", code=Code.MANIFEST_UNKNOWN)
        old = None if verdict is Verdict.OVERDUE else known
        return await self._flights.join(key, lambda: self._ask_once(question, old))

    async def _ask_once(self, question: ReferrersQuestion, old: _Known | None) -> tuple[_Known, Answer]:
        """Ask for all processes: who had to wait for another one looks first whether that has the list now."""
        key = _key(question)
        async with self._leases.hold(str(key), PATIENCE) as waited:
            if waited:
                self._memory.pop(key, None)
                known = await self._recall(key)
                if known is not None and self._judge(question.target, known) is Verdict.FRESH:
                    return known, Answer(Outcome.HIT, known.listing.checked)
                if self._facts.absent(_absence(key)):
                    raise Absent("the upstream has no such manifest", code=Code.MANIFEST_UNKNOWN)
            return await self._ask(question, old)

    async def _ask(self, question: ReferrersQuestion, old: _Known | None) -> tuple[_Known, Answer]:
        target, key, asked = question.target, _key(question), self._now()
        try:
            referrers, answer = await self._sources.whole(question)
        except Absent:
            self._memory.pop(key, None)
            self._facts.forget_listing(key)
            self._facts.put_absent(_absence(key), target.upstream.policy.not_found_ttl)
            raise
        except Denied:
            raise  # who may not read it now does not get what somebody could read once
        except UpstreamError as error:
            if old is None:
                raise
            now = self._now()
            checked = counted(old.listing.checked, target.upstream.policy, now)
            old = replace(old, listing=replace(old.listing, checked=checked, failed=now))
            self._keep(question, old)
            trouble = "limits our requests" if isinstance(error, Throttled) else "cannot be asked"
            return old, _stale(target, old, f"{target.name} {trouble}")
        checked = asked if answer.checked is None else min(asked, answer.checked)
        known = _Known(referrers, Listing(await _text(referrers), checked))
        if answer.outcome is not Outcome.STALE:
            self._keep(question, known)
        return known, answer

    def _changed(self, key: Key | None) -> None:
        """Another process has learned more."""
        if key is None:
            self._memory.clear()
        else:
            self._memory.pop(key, None)

    def _judge(self, target: Target, known: _Known | None) -> Verdict:
        """A list is never immutable, whatever the patterns of tags that are may match.

        An empty one is as good as an absence, and no longer fresh than one: what was pushed is signed soon after.
        """
        if known is None:
            return Verdict.UNKNOWN
        policy = replace(target.upstream.policy, immutable_tags=())
        if not known.referrers:
            policy = replace(policy, tag_ttl=min(policy.tag_ttl, policy.not_found_ttl))
        return judge(Known(known.listing.checked, known.listing.failed), policy, _NO_TAG, self._now())

    async def _recall(self, key: Key) -> _Known | None:
        known = self._memory.get(key)
        if known is not None:
            return known
        listing = self._facts.listing(key)
        if listing is None or len(listing.text) > _NOTED:
            return None
        try:
            text = listing.text.encode()
            known = _Known(await worked(len(text), parse_referrers, text, None), listing)
        except (Malformed, UnicodeEncodeError):
            return None
        return self._memory.setdefault(key, known)  # somebody may have learned more in the meantime

    def _keep(self, question: ReferrersQuestion, known: _Known) -> None:
        """In memory; and on disk, but no empty list of what nobody has pulled: of such digests there is no end."""
        target, key, size = question.target, _key(question), len(known.listing.text)
        if size <= _KEPT // 2:
            self._memory[key] = known
        pulled = self._facts.member(target.name, target.repository, str(question.digest)) is not None
        if (known.referrers or pulled) and size <= _NOTED:
            self._facts.put_listing(key, known.listing, target.upstream.policy.horizon)


def _key(question: ReferrersQuestion) -> Key:
    return Key("referrers", question.target.name, question.target.repository, str(question.digest))


def _absence(key: Key) -> Key:
    """Of the list: that there is no manifest of this digest is another fact."""
    return replace(key, kind="absent", variant="referrers")


def _stale(target: Target, known: _Known, reason: str) -> Answer:
    checked = known.listing.checked
    warning = f"{reason}; this list of referrers may be out of date"
    return Answer(Outcome.STALE, checked, warning, checked + target.upstream.policy.tag_ttl)


async def _text(referrers: Sequence[Referrer]) -> str:
    """As it is written; in a thread where that takes long."""
    return (await worked(len(referrers) * 200, written, referrers)).decode()
