"""Manifests by tag and by digest. By digest nobody is asked who need not be: the bytes prove themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mirror.errors import Absent, Code, UpstreamError
from mirror.flights import Flights
from mirror.oci.digest import Digest
from mirror.outcome import Outcome
from mirror.pull.content import Answer, FoundManifest, Manifest
from mirror.pull.inquiry import TagQuestion
from mirror.pull.shelf import Shelf
from mirror.pull.spending import Ledger, Spender
from mirror.pull.stand_ins import StandIn
from mirror.pull.tags import Tags
from mirror.pull.upstreams import Target
from mirror.store.catalog import Key
from mirror.store.facts import Facts
from mirror.store.leases import PATIENCE, Leases


@dataclass(frozen=True, slots=True)
class Question:
    """What a client asks of a repository: a tag, or a digest; with a body (GET) or without (HEAD).

    `no_cache`: it wants no old answer. `client`: its address, for the ledger.
    """

    target: Target
    reference: str | Digest
    accept: Sequence[str] = ()
    body: bool = True
    no_cache: bool = False
    client: str = ""


class Manifests:
    """The manifests of all upstreams."""

    def __init__(self, shelf: Shelf, tags: Tags, facts: Facts, ledger: Ledger, leases: Leases) -> None:
        self._shelf = shelf
        self._tags = tags
        self._facts = facts
        self._ledger = ledger
        self._leases = leases
        self._flights: Flights[tuple[str, str, Digest, bool], FoundManifest] = Flights("manifest")

    def recall(self, question: Question) -> FoundManifest | None:
        """The answer, if it is in memory and nobody has to be asked. Never waits."""
        if isinstance(question.reference, str):
            return self._recall_tag(question, _of_tag(question, question.reference))
        manifest = self._shelf.recall(question.target, str(question.reference))
        return None if manifest is None else FoundManifest(manifest, Answer(Outcome.HIT, manifest.since))

    async def find(self, question: Question) -> FoundManifest:
        """The manifest. Raises UpstreamError when neither we nor the upstream can give it. May be cancelled."""
        if isinstance(question.reference, str):
            return await self._by_tag(question, _of_tag(question, question.reference))
        return await self._by_digest(question, question.reference)

    async def aclose(self) -> None:
        await self._flights.aclose()
        await self._tags.aclose()

    def _recall_tag(self, question: Question, tag: TagQuestion) -> FoundManifest | None:
        pin = self._tags.pinned(tag)
        found = None if pin is not None else self._tags.recall(tag)
        stand_in = pin if found is None else self._tags.held_back(tag, found)
        if stand_in is None:
            return found
        manifest = self._shelf.recall(question.target, stand_in.digest)
        return None if manifest is None else FoundManifest(manifest, _standing_in(manifest, stand_in, found))

    async def _by_tag(self, question: Question, tag: TagQuestion) -> FoundManifest:
        """What the tag points to, or what is given in the place of that: as it is, whatever the client would take."""
        pin = self._tags.pinned(tag)
        if pin is not None:
            given = await self._by_digest(question, Digest.parse(pin.digest))
            return FoundManifest(given.manifest, _standing_in(given.manifest, pin, None))
        found = await self._tags.find(tag)
        former = self._tags.held_back(tag, found)
        if former is None:
            return found
        try:
            given = await self._by_digest(question, Digest.parse(former.digest))
        except UpstreamError:
            return found  # which is all that there is
        return FoundManifest(given.manifest, _standing_in(given.manifest, former, found))

    async def _by_digest(self, question: Question, digest: Digest) -> FoundManifest:
        target = question.target
        manifest = await self._shelf.find(target, digest)
        if manifest is not None:
            return FoundManifest(manifest, Answer(Outcome.HIT, manifest.since))
        key = Key("absent", target.name, target.repository, str(digest))
        if self._facts.absent(key):
            raise Absent("the upstream has no such manifest", code=Code.MANIFEST_UNKNOWN)
        return await self._flights.join(
            (target.name, target.repository, digest, question.body), lambda: self._ask_once(question, digest, key)
        )

    async def _ask_once(self, question: Question, digest: Digest, absence: Key) -> FoundManifest:
        """Ask for all processes: each looks first whether another one has it by now."""
        target = question.target
        async with self._leases.hold(f"manifest {target.name} {target.repository} {digest}", PATIENCE):
            if self._leases.are_shared:
                if self._facts.absent(absence):
                    raise Absent("the upstream has no such manifest", code=Code.MANIFEST_UNKNOWN)
                manifest = await self._shelf.find(target, digest)
                if manifest is not None:
                    return FoundManifest(manifest, Answer(Outcome.HIT, manifest.since))
            try:
                return await self._ask(question, digest)
            except Absent:
                self._facts.put_absent(absence, target.upstream.policy.not_found_ttl)
                raise

    async def _ask(self, question: Question, digest: Digest) -> FoundManifest:
        target = question.target
        if not question.body or await self._shelf.holds(digest):
            found = await self._ask_head(question, digest)
            if found is not None:
                return found
        got = await target.upstream.registry.manifest(target.repository, str(digest))
        self._spent(question)
        return self._stored(target, await self._shelf.put(target, got, digest), Outcome.MISS)

    async def _ask_head(self, question: Question, digest: Digest) -> FoundManifest | None:
        """The answer as far as a HEAD can give it; None when a body is needed."""
        target = question.target
        head = await target.upstream.registry.head_manifest(target.repository, str(digest))
        if head.by_get:
            self._spent(question)
        if head.sent is not None:
            return self._stored(target, await self._shelf.put(target, head.sent, digest), Outcome.MISS)
        if head.digest not in (None, digest):
            return None
        manifest = await self._shelf.adopt(target, digest, head.media_type)
        if manifest is not None:
            return self._stored(target, manifest, Outcome.REVALIDATED)
        told = None if question.body else Manifest.told(digest, head)
        return None if told is None else FoundManifest(told, Answer(Outcome.MISS))

    def _spent(self, question: Question) -> None:
        target = question.target
        self._ledger.note(Spender(target.name, target.repository, question.client))

    def _stored(self, target: Target, manifest: Manifest, outcome: Outcome) -> FoundManifest:
        self._tags.stored(target, manifest.digest)
        return FoundManifest(manifest, Answer(outcome))


def _standing_in(manifest: Manifest, stand_in: StandIn, found: FoundManifest | None) -> Answer:
    """How a manifest was come by that is given in the place of `found`, or of what nobody has looked for."""
    if found is None:
        return Answer(Outcome.HIT, manifest.since, stand_in.words)
    answer = found.answer
    warning = stand_in.words if answer.warning is None else f"{stand_in.words}; {answer.warning}"
    ends = [end for end in (answer.until, stand_in.until) if end is not None]
    return replace(answer, warning=warning, until=min(ends, default=None))


def _of_tag(question: Question, tag: str) -> TagQuestion:
    return TagQuestion(question.target, tag, question.accept, question.body, question.no_cache, question.client)
