"""Manifests that we hold: found by repository and digest, put there once verified. Asks nobody.

Most manifests are stored under the digest they are asked for by. A schema 1 manifest is not: its digest leaves the
signatures out, so its bytes lie under a digest of their own, which the proof of membership tells.
"""

from __future__ import annotations

import logging
import time

from mirror.errors import Malformed, Nonsense, StoreBusy, StoreError
from mirror.oci import manifest as oci
from mirror.oci.digest import Digest
from mirror.oci.manifest import Kind, classify
from mirror.oci.needs import needs_of, needs_of_read
from mirror.oci.schema1 import schema1_payload
from mirror.pull.content import Manifest
from mirror.pull.memory import Memory
from mirror.pull.reading import opened, read_whole
from mirror.pull.upstreams import Target
from mirror.store.index import Member
from mirror.store.store import Store
from mirror.tasks import worked
from mirror.upstream.answers import ManifestBody

_log = logging.getLogger(__name__)


class Shelf:
    """The manifests of all upstreams."""

    def __init__(self, store: Store, memory: Memory, largest: int) -> None:
        """`largest`: bytes beyond which nothing is a manifest."""
        self._store = store
        self._memory = memory
        self._largest = largest

    def recall(self, target: Target, digest: str) -> Manifest | None:
        """The manifest, if it is in memory and this repository is known to have it. Never waits."""
        member = self._store.facts.member(target.name, target.repository, digest)
        if member is None or member.media_type is None:
            return None
        content = member.content or digest
        body = self._memory.get(content)
        if body is None:
            return None
        self._store.used(content, time.time())
        return Manifest(Digest.parse(digest), member.media_type, len(body), body, member.since)

    async def find(self, target: Target, digest: Digest) -> Manifest | None:
        """The manifest, if it is held and this repository is known to have it."""
        member = self._member(target, digest)
        manifest = None if member is None else await self._held(digest, member)
        if member is not None and manifest is not None:
            self._store.used(member.content or str(digest), time.time())
        return manifest

    async def look(self, target: Target, digest: Digest) -> Manifest | None:
        """The same for who only wants to know what there is: that is no use, and keeps nothing from being evicted."""
        member = self._member(target, digest)
        return None if member is None else await self._held(digest, member)

    async def holds(self, digest: Digest) -> bool:
        """Whether the bytes are here, for whichever repository."""
        return await self._read(digest) is not None

    async def adopt(self, target: Target, digest: Digest, content_type: str | None) -> Manifest | None:
        """What is held, for a repository that the upstream has just said has it too; None if that cannot be."""
        body = await self._read(digest)
        if body is None:
            return None
        try:
            return await self._keep(target, digest, body, content_type)
        except (Malformed, Nonsense):
            return None  # what it says of it does not fit: let it send it

    async def put(self, target: Target, got: ManifestBody, asked: Digest | None) -> Manifest:
        """Verify what the upstream has sent, keep it, and know that this repository has it.

        Verified is: the digest asked for, or else the one announced, or else none but its own. Raises Nonsense when the
        bytes are not what they should be. A disk that will not keep them is no reason not to hand them out.
        """
        try:
            return await self._keep(target, asked or got.digest, got.body, got.content_type)
        except Malformed as error:
            raise Nonsense(f"{target.name} sent {error}") from error

    async def bring(self, target: Target, got: ManifestBody, asked: Digest | None) -> Manifest:
        """Verify and keep the bytes as `put` does, and know of no repository that it has them. Raises as `put` does."""
        try:
            read, digest, _ = await self._verified(target, asked or got.digest, got.body, got.content_type)
        except Malformed as error:
            raise Nonsense(f"{target.name} sent {error}") from error
        return Manifest(digest, read.media_type, len(got.body), got.body)

    async def _keep(self, target: Target, digest: Digest | None, body: bytes, content_type: str | None) -> Manifest:
        read, digest, content = await self._verified(target, digest, body, content_type)
        stored_as = None if content == digest else str(content)
        self._store.facts.prove(Member(target.name, target.repository, str(digest), read.media_type, stored_as))
        known = self._store.facts.member(target.name, target.repository, str(digest))
        media_type = read.media_type if known is None or known.media_type is None else known.media_type
        return Manifest(digest, media_type, len(body), body)

    async def _verified(
        self, target: Target, digest: Digest | None, body: bytes, content_type: str | None
    ) -> tuple[oci.Manifest, Digest, Digest]:
        """The manifest as it is read, its digest, and that of its bytes, which are now stored."""
        # A large one takes the reader a tenth of a second, and whoever may push to a registry can make many.
        read = await worked(len(body), classify, body, content_type)
        content = digest if digest is not None and digest.verifies(body) else Digest.of(body)
        if digest is None:
            if read.kind is Kind.OTHER:
                raise Nonsense(f"{target.name} sent what may be a manifest, but no digest to tell that it is meant")
            digest = content
        elif digest != content and not (read.kind is Kind.SCHEMA1 and digest.verifies(schema1_payload(body) or b"")):
            raise Nonsense(f"{target.name} sent another manifest than the one that its digest names")
        self._memory.put(str(content), body)
        await self._store_bytes(content, body)
        self._store.images.note(str(content), await worked(len(body), needs_of_read, read, body))
        return read, digest, content

    async def _store_bytes(self, content: Digest, body: bytes) -> None:
        held = await opened(self._store, content)
        if held is not None:
            held.close()
            return
        try:
            await self._store.put(content, body)
        except StoreBusy:
            pass  # somebody is just storing the same
        except StoreError as error:
            _log.error("a verified manifest could not be kept: %s", error)

    def _member(self, target: Target, digest: Digest) -> Member | None:
        return self._store.facts.member(target.name, target.repository, str(digest))

    async def _held(self, digest: Digest, member: Member) -> Manifest | None:
        if member.media_type is None:
            return None
        content = member.content or str(digest)
        body = await self._read(Digest.parse(content))
        if body is not None and not self._store.images.is_noted(content):
            self._store.images.note(content, await worked(len(body), needs_of, body, member.media_type))
        return None if body is None else Manifest(digest, member.media_type, len(body), body, member.since)

    async def _read(self, content: Digest) -> bytes | None:
        name = str(content)
        body = self._memory.get(name)
        if body is not None:
            return body
        blob = await opened(self._store, content)
        if blob is None:
            return None
        if blob.size > self._largest:
            blob.close()
            return None
        body = await read_whole(self._store, blob)
        if body is not None:
            self._memory.put(name, body)
        return body
