"""Blobs by digest: from memory, from the store, from a fetch under way, or from a new one. Asks before it shares.

Bytes are shared by digest, but a repository has to prove that it has a digest before it is given what another one
brought: by an answer of the upstream for that repository, with the credential that we have for it. Only what was
compared with verified bytes is noted of that: while nobody here knows its size, any may be named.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass

from mirror.errors import Absent, Code, Denied, LeftoverMismatch
from mirror.flights import Flights
from mirror.oci.digest import Digest
from mirror.outcome import Outcome
from mirror.pull.content import Answer, FoundBlob
from mirror.pull.fetches import Fetches
from mirror.pull.memory import SMALL, Memory
from mirror.pull.reader import Reader
from mirror.pull.reading import opened, read_whole
from mirror.pull.turns import SOMEBODYS, Wish
from mirror.pull.upstreams import Target
from mirror.store.catalog import Key
from mirror.store.index import Member
from mirror.store.open_blob import OpenBlob
from mirror.store.store import Store
from mirror.upstream.heads import see_that_sizes_agree


class Whole:
    """A stored blob as a `Readable`."""

    def __init__(self, store: Store, blob: OpenBlob) -> None:
        self._store = store
        self._digest = blob.digest
        self._blob: OpenBlob | None = blob
        store.removal.readers.enter(blob.digest)
        self.size: int | None = blob.size
        self.descriptor = blob.descriptor

    async def ready(self, offset: int) -> int:  # noqa: ARG002
        return self.size or 0

    def doubt(self) -> None:
        self._store.blobs.doubt(self._digest)

    def close(self) -> None:
        if self._blob is not None:
            self._blob.close()
            self._blob = None
            self._store.removal.readers.leave(self._digest)


@dataclass(frozen=True, slots=True)
class Named:
    """What an upstream has said of a blob when it was asked for one repository: its size, or nothing of that."""

    size: int | None


class Blobs:
    """The blobs of all upstreams. `patience`: seconds for which a small one is waited for to be verified."""

    def __init__(self, store: Store, fetches: Fetches, memory: Memory, patience: float) -> None:
        self._store = store
        self._patience = patience
        self._fetches = fetches
        self._memory = memory
        self._questions: Flights[tuple[str, str, Digest, int | None], int | None] = Flights("head-blob")

    def recall(self, target: Target, digest: Digest) -> FoundBlob | None:
        """The blob if it is in memory and this repository is known to have it. Never waits."""
        name = str(digest)
        body = self._memory.get(name)
        proof = None if body is None else self._proof(target, digest)
        if body is None or proof is None:
            return None
        self._store.used(name, time.time())
        return FoundBlob(digest, len(body), body, _hit(proof))

    async def find(self, target: Target, digest: Digest, wish: Wish = SOMEBODYS) -> FoundBlob:
        """The blob, which may still be growing; its content is the receiver's to close.

        Raises UpstreamError when neither we nor the upstream can give it, before a byte is promised. May be cancelled.
        """
        proof = self._proof(target, digest)
        if proof is None:
            self._refuse_absent(target, digest)
            held = await self._held(digest)
            if held is not None:
                await self._compare(target, digest, held)
                proof = self._proof(target, digest)
        if proof is not None:
            stored = await self._stored(digest, proof)
            if stored is not None:
                return stored
            self._refuse_absent(target, digest)
        fetch, named = self._fetches.find(target, digest), None
        if fetch is not None and fetch.target.place != target.place and self._proof(target, digest) is None:
            named = Named(await self._ask(target, digest, fetch.growth.total))
        return await self._follow(target, digest, wish, named)

    async def head(self, target: Target, digest: Digest) -> FoundBlob:
        """What an answer to HEAD needs. Starts no fetch. Raises as `find`."""
        proof = self._proof(target, digest)
        if proof is not None:
            stored = await opened(self._store, digest)
            if stored is not None:
                stored.close()
                return FoundBlob(digest, stored.size, None, _hit(proof))
        fetch = self._fetches.find(target, digest)
        total = None if fetch is None else fetch.growth.total
        if fetch is not None and total is not None and (proof is not None or fetch.target.place == target.place):
            return FoundBlob(digest, total, None, Answer(Outcome.JOINED))
        self._refuse_absent(target, digest)
        held = await self._held(digest) if proof is None else None
        size = await (self._ask(target, digest, None) if held is None else self._compare(target, digest, held))
        return FoundBlob(digest, size, None, Answer(Outcome.MISS))

    async def aclose(self) -> None:
        await self._questions.aclose()

    async def _follow(self, target: Target, digest: Digest, wish: Wish, named: Named | None) -> FoundBlob:
        """Read along with a fetch. Small blobs are waited for, so that what is wrong with them is said in an answer.

        One that only trickles is given as it comes after a while, like a large one.
        `named`: what the upstream, if it was asked, has said of this repository. Raises Nonsense for a blob of another
        size.
        What may be wrong for what an earlier fetch had left is fetched anew, once, unless some was handed out.
        """
        is_anew = False
        while True:
            reader, joined = self._fetches.join(target, digest, wish)
            if named is not None:
                reader.vouch(target, named.size)
            try:
                await self._started(reader)
                if named is not None and reader.fetched_for != target.place:
                    see_that_sizes_agree(target.name, named.size, reader.size)
            except (Absent, Denied) as error:
                reader.close()
                if reader.fetched_for != target.place:
                    continue  # what another repository is told is no word about this one
                if isinstance(error, Absent):
                    self._store.facts.put_absent(absence_of(target, digest), target.upstream.policy.not_found_ttl)
                raise
            except LeftoverMismatch:
                reader.close()
                if is_anew:
                    raise
                is_anew = True
                continue
            except BaseException:
                reader.close()
                raise
            self._store.used(str(digest), time.time())
            return FoundBlob(digest, reader.size, reader, Answer(Outcome.JOINED if joined else Outcome.MISS))

    async def _started(self, reader: Reader) -> None:
        await reader.begun()
        if reader.size is not None and reader.size <= SMALL:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._patience):
                    await reader.whole()
        await reader.ready(0)

    async def _stored(self, digest: Digest, proof: Member) -> FoundBlob | None:
        """The blob from the store; small ones are read, and kept in memory."""
        blob = await opened(self._store, digest)
        if blob is None:
            return None
        if blob.size > SMALL:
            self._store.used(str(digest), time.time())
            return FoundBlob(digest, blob.size, Whole(self._store, blob), _hit(proof))
        body = await read_whole(self._store, blob)
        if body is None:
            return None
        self._store.used(str(digest), time.time())
        self._memory.put(str(digest), body)
        return FoundBlob(digest, blob.size, body, _hit(proof))

    async def _held(self, digest: Digest) -> int | None:
        """The size of what is here, for whomever it was fetched; None if it is not."""
        blob = await opened(self._store, digest)
        if blob is None:
            return None
        blob.close()
        return blob.size

    def _proof(self, target: Target, digest: Digest) -> Member | None:
        """The upstream's word that this repository has the blob, if it was ever given."""
        return self._store.facts.member(target.name, target.repository, str(digest))

    async def _compare(self, target: Target, digest: Digest, stored: int) -> int | None:
        """The same as `_ask`, of the size of what is stored; and note that the repository has it."""
        size = await self._ask(target, digest, stored)
        self._store.facts.prove(Member(target.name, target.repository, str(digest)))
        return size

    async def _ask(self, target: Target, digest: Digest, held: int | None) -> int | None:
        """Ask the upstream whether this repository has the blob; its size if that was said.

        `held`: the size of what is here, or on its way. Raises Nonsense when another one is named.
        """

        async def asked() -> int | None:
            try:
                return await target.upstream.registry.head_blob(target.repository, digest, held)
            except Absent:
                self._store.facts.put_absent(absence_of(target, digest), target.upstream.policy.not_found_ttl)
                raise

        return await self._questions.join((target.name, target.repository, digest, held), asked)

    def _refuse_absent(self, target: Target, digest: Digest) -> None:
        if self._store.facts.absent(absence_of(target, digest)):
            raise Absent("the upstream has no such blob", code=Code.BLOB_UNKNOWN)


def absence_of(target: Target, digest: Digest) -> Key:
    """What the upstream's word that this repository has no such blob is noted under."""
    # Of another kind than a manifest's: registries do not give manifests as blobs, nor blobs as manifests.
    return Key("absent-blob", target.name, target.repository, str(digest))


def _hit(proof: Member) -> Answer:
    return Answer(Outcome.HIT, proof.since)
