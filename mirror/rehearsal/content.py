"""What of an image's content a client could not be given while nobody can be asked: as the pull itself looks for it.

Of an index the platforms count that were pulled through here. To look is no use, and keeps nothing from eviction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from mirror.amounts import size
from mirror.errors import Malformed
from mirror.oci.digest import Digest
from mirror.oci.manifest import Kind, Manifest, classify
from mirror.oci.needs import needs_of_read
from mirror.oci.platforms import UNKNOWN, platforms_of
from mirror.pull.images import is_elsewhere
from mirror.pull.reading import opened
from mirror.pull.shelf import Shelf
from mirror.pull.upstreams import Target
from mirror.rehearsal.reasons import Lack, Reason
from mirror.store.index import Member
from mirror.store.store import Store
from mirror.tasks import worked

_DEEP = 8  # indexes in indexes
_MANIFESTS = 1000  # of one image
_TURN = 32  # blobs that are looked for before others have their turn on the loop

Damaged = Callable[[Digest], Awaitable[bool]]  # whether a blob has just been found to be another than its name says


async def unread(_: Digest) -> bool:
    """No byte is read: a file is trusted that looks as it did when it was verified."""
    return False


@dataclass(frozen=True, slots=True)
class Larder:
    """Where is looked: in the store, and on a shelf that remembers nothing from before."""

    store: Store
    shelf: Shelf
    damaged: Damaged = unread


class Content:
    """What is here of one image, and of whatever else of its repository is looked at. `platforms`: those pulled."""

    def __init__(self, larder: Larder, target: Target) -> None:
        self._store = larder.store
        self._shelf = larder.shelf
        self._damaged = larder.damaged
        self._target = target
        self._seen: dict[Digest, None] = {}
        self.reasons: list[Reason] = []
        self.platforms: list[str] = []

    @property
    def documents(self) -> list[Digest]:
        """The manifests that were looked at."""
        return list(self._seen)

    async def look(self, digest: Digest) -> None:
        """Look at the image of this manifest; what is lacking is among the `reasons` then. May be cancelled."""
        await self._document(digest, "", 0)

    async def _document(self, digest: Digest, platform: str, depth: int) -> None:
        if digest in self._seen or len(self._seen) >= _MANIFESTS or depth > _DEEP:
            return
        self._seen[digest] = None
        stored_as = Digest.parse(self._content(digest))
        if await self._damaged(stored_as):
            self._lacks(Lack.DAMAGED, "its manifest is not what it was on this disk", digest, platform)
            return
        manifest = await self._shelf.look(self._target, digest)
        if manifest is None:
            await self._without(digest, stored_as, platform)
            return
        body = manifest.body or b""
        try:
            read = await worked(len(body), classify, body, manifest.media_type)
        except Malformed:
            return  # it is passed on as it came, and what it needs nobody can tell
        if read.kind is Kind.INDEX:
            await self._listed(digest, read, body, depth)
        else:
            await self._blobs(digest, platform, read, body)

    async def _without(self, digest: Digest, stored_as: Digest, platform: str) -> None:
        member = self._member(digest)
        if (member is None or member.media_type is None) and await self._holds(stored_as):
            self._lacks(Lack.UNPROVEN, "its manifest is here, but its registry has yet to confirm it", digest, platform)
        elif platform:
            self._lacks(Lack.PLATFORM, "clients have pulled it, and its manifest is not here", digest, platform)
        else:
            self._lacks(Lack.GONE, "its manifest is not here: evicted, or lost", digest, platform)

    async def _listed(self, digest: Digest, read: Manifest, body: bytes, depth: int) -> None:
        names = await worked(len(body), platforms_of, body)
        pulled = [one.digest for one in read.manifests if self._was_pulled(one.digest)]
        if read.manifests and not pulled:
            self._lacks(Lack.INDEX_ONLY, "nobody has pulled any of its platforms through here", digest)
        for one in pulled:
            platform = names.get(str(one)) or UNKNOWN
            self.platforms.append(platform)
            await self._document(one, platform, depth + 1)

    async def _blobs(self, digest: Digest, platform: str, read: Manifest, body: bytes) -> None:
        sizes = _sizes(read, body)
        missing, damaged, unproven = [], [], 0
        for number, blob in enumerate(sizes, 1):
            if await self._damaged(blob):
                damaged.append(blob)
            elif not await self._holds(blob):
                missing.append(blob)
            elif self._member(blob) is None:
                unproven += 1
            if number % _TURN == 0:
                await asyncio.sleep(0)
        self._lacks_blobs(Reason(Lack.BLOBS, "are not here", str(digest), platform), missing, read, sizes)
        words = "are not what they were on this disk"
        self._lacks_blobs(Reason(Lack.DAMAGED, words, str(digest), platform), damaged, read, sizes)
        if unproven:
            told = f"{unproven} of {len(sizes)} blobs are here, but its registry has yet to confirm them"
            self.reasons.append(Reason(Lack.UNPROVEN, told, str(digest), platform, unproven))

    def _lacks_blobs(self, reason: Reason, blobs: list[Digest], read: Manifest, sizes: Mapping[Digest, int]) -> None:
        """`reason` says in its words what it is about these blobs, of those that the image has."""
        if not blobs:
            return
        total = sum(sizes[blob] for blob in blobs)
        config = ", its config among them" if read.kind is Kind.IMAGE and read.blobs[0].digest in blobs else ""
        words = f"{len(blobs)} of {len(sizes)} blobs {reason.words}{config} ({size(total)})"
        self.reasons.append(replace(reason, words=words, blobs=len(blobs), bytes=total))

    def _lacks(self, lack: Lack, words: str, digest: Digest, platform: str = "") -> None:
        self.reasons.append(Reason(lack, words, str(digest), platform))

    def _was_pulled(self, digest: Digest) -> bool:
        """Whether this repository has ever given this manifest to anybody, and not only its name."""
        member = self._member(digest)
        return member is not None and member.media_type is not None

    def _content(self, digest: Digest) -> str:
        member = self._member(digest)
        return str(digest) if member is None or member.content is None else member.content

    def _member(self, digest: Digest) -> Member | None:
        return self._store.facts.member(self._target.name, self._target.repository, str(digest))

    async def _holds(self, digest: Digest) -> bool:
        blob = await opened(self._store, digest)
        if blob is not None:
            blob.close()
        return blob is not None


def _sizes(read: Manifest, body: bytes) -> Mapping[Digest, int]:
    """The blobs that a client fetches from a registry, each once, with their bytes; 0 where the manifest says none."""
    if read.kind is Kind.SCHEMA1:
        return {Digest.parse(name): 0 for name in needs_of_read(read, body)}
    return {blob.digest: blob.size for blob in read.blobs if not is_elsewhere(blob)}
