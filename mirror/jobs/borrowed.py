"""The same for a job with a login that was lent to it: what that brings are bytes, and nobody is given them for it.

Whether clients may have them is asked with the mirror's own account, by HEADs, which no registry counts as pulls; where
it may read the repository, its blobs come as everybody's do.
"""

from __future__ import annotations

from collections.abc import Sequence

from mirror.errors import Absent, Denied, MirrorError, UpstreamError
from mirror.jobs.lent_referrers import lent_referrers
from mirror.jobs.sources import Brought, Source, insistent
from mirror.oci.digest import Digest
from mirror.oci.referrers import Referrer
from mirror.pull.content import Readable
from mirror.pull.images import Part
from mirror.pull.manifests import Question
from mirror.pull.pulls import Pulls
from mirror.pull.reading import opened
from mirror.pull.turns import Wish
from mirror.pull.upstreams import Target
from mirror.store.store import Store

UNCONFIRMED = "brought, but this mirror's own account could not confirm it: clients are given it once it does"


class Borrowed:
    """`lent` is the repository as the login's owner sees it, `target` as this mirror's clients do.

    `own` brings what they may have.
    """

    def __init__(self, pulls: Pulls, store: Store, lent: Target, target: Target, own: Source) -> None:
        self._pulls = pulls
        self._store = store
        self._lent = lent
        self._target = target
        self._own = own
        self._is_ours = True  # as far as is known, the mirror's own account may read the repository

    async def manifest(self, reference: str | Digest) -> Brought:
        """As `Source.manifest`; with a warning where clients would not be given it."""
        asked = reference if isinstance(reference, Digest) else None
        if asked is not None and self._is_ours and await self._pulls.shelf.find(self._target, asked) is not None:
            return await self._own.manifest(asked)
        registry = self._lent.upstream.registry
        got = await registry.manifest(self._lent.repository, str(reference))
        manifest = await self._pulls.shelf.bring(self._lent, got, asked)
        if not self._is_ours:
            return Brought(manifest)
        return Brought(manifest, await self._confirmed(reference, manifest.digest))

    async def blob(self, part: Part) -> Readable | None:
        if self._is_ours:
            try:
                return await self._own.blob(part)
            except (Absent, Denied):
                pass
        return await self._private(part)

    async def referrers(self, digest: Digest) -> Sequence[Referrer]:
        if self._is_ours:
            try:
                return await self._own.referrers(digest)
            except UpstreamError:
                pass
        return await lent_referrers(self._lent, digest)

    async def _confirmed(self, reference: str | Digest, digest: Digest) -> str | None:
        """Have the upstream's word that the mirror's own account may read it; a warning if it cannot be had."""
        manifests, target = self._pulls.manifests, self._target
        try:
            await manifests.find(Question(insistent(target), reference, body=False, no_cache=True))
            if isinstance(reference, str):
                await manifests.find(Question(target, digest, body=False))
        except MirrorError:
            self._is_ours = False
            return UNCONFIRMED
        return None

    async def _private(self, part: Part) -> Readable | None:
        while True:
            stored = await opened(self._store, part.digest)
            if stored is not None:
                stored.close()
                return None
            reader, _ = self._pulls.fetches.join(self._lent, part.digest, Wish(self._lent.upstream.lent_to, part.size))
            try:
                await reader.begun()
            except (Absent, Denied):
                reader.close()
                if reader.fetched_for == self._lent.place:
                    raise
                continue  # what others are told is no word about this login
            except BaseException:
                reader.close()
                raise
            return reader
