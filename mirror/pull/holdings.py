"""What is held of an image: its manifests and, for each platform, how much of what they name.

Asks nobody, and looking is no use of what is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mirror.errors import Malformed
from mirror.oci.descriptor import Descriptor
from mirror.oci.digest import Digest
from mirror.oci.manifest import Kind, classify
from mirror.oci.platforms import platforms_of
from mirror.pull.content import Manifest
from mirror.pull.reading import opened
from mirror.pull.shelf import Shelf
from mirror.pull.upstreams import Target
from mirror.store.store import Store

WHOLE = "image"  # what a manifest that no index lists is for: its platform stands in its config
_MOST = 64  # manifests of an index that are looked at


@dataclass(frozen=True, slots=True)
class Held:
    """A manifest for one platform. `blobs` and `bytes` are None as long as the manifest is not held.

    `unproven`: blobs that are held, and for which the upstream has yet to say that this repository has them.
    """

    platform: str
    digest: str
    manifest: bool
    blobs: int | None = None
    blobs_held: int = 0
    bytes: int | None = None
    bytes_held: int = 0
    unproven: int = 0


class Holdings:
    """What the store has of the repositories of all upstreams."""

    def __init__(self, store: Store, shelf: Shelf) -> None:
        self._store = store
        self._shelf = shelf

    async def manifest(self, target: Target, digest: Digest) -> Manifest | None:
        """The manifest, if it is held and this repository is known to have it."""
        return await self._shelf.look(target, digest)

    async def images(self, target: Target, manifest: Manifest) -> tuple[Held, ...]:
        """Each image of a manifest that is held: its only one, or those that it lists, up to some tens of them.

        May take as long as hashing what a crash has left in doubt; may be cancelled.
        """
        body = manifest.body or b""
        try:
            read = classify(body, manifest.media_type)
        except Malformed:
            return ()
        if read.kind is not Kind.INDEX:
            return (await self._held(target, WHOLE, manifest.digest, manifest),)
        platforms = platforms_of(body)
        found = []
        for entry in read.manifests[:_MOST]:
            listed = await self._shelf.look(target, entry.digest)
            found.append(await self._held(target, platforms.get(str(entry.digest), ""), entry.digest, listed))
        return tuple(found)

    async def _held(self, target: Target, platform: str, digest: Digest, manifest: Manifest | None) -> Held:
        if manifest is None:
            return Held(platform, str(digest), False)
        blobs = {blob.digest: blob for blob in _blobs(manifest)}
        there = [blob for blob in blobs.values() if await self._has(blob.digest)]
        facts = self._store.facts
        unproven = [blob for blob in there if facts.member(target.name, target.repository, str(blob.digest)) is None]
        return Held(
            platform,
            str(digest),
            True,
            len(blobs),
            len(there),
            sum(blob.size for blob in blobs.values()),
            sum(blob.size for blob in there),
            len(unproven),
        )

    async def _has(self, digest: Digest) -> bool:
        blob = await opened(self._store, digest)
        if blob is not None:
            blob.close()
        return blob is not None


def _blobs(manifest: Manifest) -> Iterator[Descriptor]:
    try:
        yield from classify(manifest.body or b"", manifest.media_type).blobs
    except Malformed:
        return
