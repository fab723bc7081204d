"""Where a job has manifests and blobs from: through the rooms that clients are answered from, so that they share it.

What is brought that way is the clients' from then on. Knows neither jobs nor what an image is made of.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from mirror.errors import Code, Refused
from mirror.oci.digest import Digest
from mirror.oci.referrers import Referrer, parse_referrers
from mirror.pull.content import Manifest, Readable
from mirror.pull.fetch import Fetch
from mirror.pull.frugality import State, state_of
from mirror.pull.images import Part
from mirror.pull.manifests import Question
from mirror.pull.pulls import Pulls
from mirror.pull.reader import Reader
from mirror.pull.referrer_sources import ReferrersQuestion
from mirror.pull.turns import Wish
from mirror.pull.upstreams import Target, Upstream
from mirror.store.store import Store
from mirror.tasks import worked

_AGAIN = 1.0  # seconds between two looks for a place that nobody else needs


@dataclass(frozen=True, slots=True)
class Brought:
    """A manifest, and what is to be said about how it was come by, if anything."""

    manifest: Manifest
    warning: str | None = None


class Source(Protocol):
    """Of one repository. Every method raises MirrorError and may be cancelled."""

    async def manifest(self, reference: str | Digest) -> Brought:
        """The manifest with its body, of a tag as the upstream has it now."""
        ...

    async def blob(self, part: Part) -> Readable | None:
        """The blob as it comes, for the receiver to close; None when there is nothing to wait for."""
        ...

    async def referrers(self, digest: Digest) -> Sequence[Referrer]:
        """What refers to a manifest that has been brought."""
        ...


class Urgent:
    """As a client is answered. `client` is what it goes by where clients take turns."""

    def __init__(self, pulls: Pulls, target: Target, client: str) -> None:
        self._pulls = pulls
        self._target = target
        self._client = client

    async def manifest(self, reference: str | Digest) -> Brought:
        question = Question(insistent(self._target), reference, no_cache=True, client=self._client)
        found = await self._pulls.manifests.find(question)
        return Brought(found.manifest, found.answer.warning)

    async def blob(self, part: Part) -> Readable | None:
        found = await self._pulls.blobs.find(self._target, part.digest, Wish(self._client, part.size))
        if isinstance(found.content, Reader):
            return found.content
        if found.content is not None and not isinstance(found.content, bytes):
            found.content.close()
        return None

    async def referrers(self, digest: Digest) -> Sequence[Referrer]:
        found = await self._pulls.referrers.find(ReferrersQuestion(self._target, digest))
        return await worked(len(found.body), parse_referrers, found.body, None)


class Quiet:
    """While there is nothing better to do: no client waits for a place, or lacks a pull, because of it."""

    def __init__(self, pulls: Pulls, target: Target, store: Store, client: str) -> None:
        self._pulls = pulls
        self._target = target
        self._store = store
        self._urgent = Urgent(pulls, target, client)

    async def manifest(self, reference: str | Digest) -> Brought:
        if is_spared(self._target.upstream) and not await self._is_here(reference):
            raise Refused("what is left of that registry's pull limit is for clients", code=Code.BUSY)
        return await self._urgent.manifest(reference)

    async def blob(self, part: Part) -> Readable | None:
        fetches, target = self._pulls.fetches, self._target
        if not fetches.ever_run_ahead:
            return await self._urgent.blob(part)
        while not self._store.blobs.knows(part.digest):
            fetch = fetches.find(target, part.digest)
            if fetch is not None and fetch.target.place == target.place:
                return Reader(fetch)
            if not fetches.sought(target, part.digest):
                fetch = fetches.run_ahead(target, part.digest, part.size, _unheard)
                if fetch is not None:
                    return Reader(fetch)
            await asyncio.sleep(_AGAIN)
        if self._store.facts.member(target.name, target.repository, str(part.digest)) is None:
            await self._pulls.blobs.head(target, part.digest)
        return None

    async def referrers(self, digest: Digest) -> Sequence[Referrer]:
        return await self._urgent.referrers(digest)

    async def _is_here(self, reference: str | Digest) -> bool:
        return isinstance(reference, Digest) and await self._pulls.shelf.find(self._target, reference) is not None


def insistent(target: Target) -> Target:
    """The same repository for who wants no answer from memory, whatever clients may ask for."""
    upstream = target.upstream
    return Target(replace(upstream, policy=replace(upstream.policy, honours_no_cache=True)), target.repository)


def is_spared(upstream: Upstream) -> bool:
    """Whether no more pulls are left than the operator keeps for what clients ask for."""
    return state_of(upstream.registry.budget, upstream.policy.reserve) is State.RESERVE


def is_busy(error: Exception) -> bool:
    """Whether it is only that too much is asked for at the moment."""
    return isinstance(error, Refused) and error.retry_after is not None


def _unheard(fetch: Fetch) -> None:
    """Who reads along hears of its end."""
