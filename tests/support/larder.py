"""A cache with images in it that were put there as pulls do it, and without a registry."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from mirror.oci.digest import Digest
from mirror.oci.manifest import classify
from mirror.stock.naming import Naming
from mirror.stock.premises import Premises
from mirror.stock.stock import Stock
from mirror.store.catalog import Key, TagRecord
from mirror.store.index import GATHERED, Member
from mirror.store.looking import Looking
from mirror.store.store import Store
from tests.support import content
from tests.support.caches import ENDLESS, store_at
from tests.support.checker import until
from tests.support.content import Image

HUB, OTHER = "docker.io", "ghcr.io"
NAMING = Naming(HUB, {HUB: HUB, "index.docker.io": HUB, OTHER: OTHER})
BASE, TOP, OWN = b"base" * 500, b"top" * 300, b"own" * 200  # layers

T = TypeVar("T")


class Larder:
    """Puts images into a store; `stock` is what an operator has of it."""

    def __init__(self, store: Store, root: Path) -> None:
        self.store = store
        self.root = root
        self.premises = Premises(root, ENDLESS, NAMING)
        self.stock = Stock(store, self.premises)

    async def image(
        self,
        repository: str,
        tag: str | None,
        layers: Sequence[bytes],
        missing: Sequence[bytes] = (),
        upstream: str = HUB,
    ) -> Image:
        """An image that was pulled by its tag, or by its digest; without the layers that are `missing`."""
        image = _made(layers)
        for blob in (content.config(layers), *layers):
            if blob not in missing:
                await self._put(upstream, repository, blob, None)
        await self._put(upstream, repository, image.manifest_body, content.OCI_MANIFEST)
        self._pulled(upstream, repository, tag, image.digest)
        await self.store.flush()
        return image

    async def index(self, repository: str, tag: str, images: Sequence[Sequence[bytes]], held: int) -> Digest:
        """An index over images of these layers, of which the first so many were pulled."""
        made = [_made(layers) for layers in images]
        body = content.index(made)
        for image, layers in list(zip(made, images, strict=True))[:held]:
            for blob in (content.config(layers), *layers):
                await self._put(HUB, repository, blob, None)
            await self._put(HUB, repository, image.manifest_body, content.OCI_MANIFEST)
        digest = await self._put(HUB, repository, body, content.OCI_INDEX)
        self._pulled(HUB, repository, tag, digest)
        await self.store.flush()
        return digest

    async def listing(self, repository: str, tag: str, index: bytes, manifests: Sequence[bytes] = ()) -> Digest:
        """An index as it is, and the manifests that it lists and that were pulled; without their blobs."""
        for manifest in manifests:
            await self._put(HUB, repository, manifest, classify(manifest, None).media_type)
        digest = await self._put(HUB, repository, index, content.OCI_INDEX)
        self._pulled(HUB, repository, tag, digest)
        await self.store.flush()
        return digest

    def tag(self, repository: str, tag: str, digest: Digest, upstream: str = HUB) -> None:
        key = Key("tag", upstream, repository, tag)
        self.store.facts.put_tag(key, TagRecord(str(digest), time.time()), 3600)

    async def holds(self, digest: Digest) -> bool:
        blob = await self.store.blobs.open(digest)
        if blob is not None:
            blob.close()
        return blob is not None

    async def _put(self, upstream: str, repository: str, data: bytes, media_type: str | None) -> Digest:
        digest = Digest.of(data)
        await self.store.put(digest, data)
        self.store.facts.prove(Member(upstream, repository, str(digest), media_type))
        if media_type is not None:
            read = classify(data, media_type)
            self.store.images.note(str(digest), [str(one.digest) for one in (*read.blobs, *read.manifests)])
        return digest

    def _pulled(self, upstream: str, repository: str, tag: str | None, digest: Digest) -> None:
        if tag is not None:
            self.tag(repository, tag, digest, upstream)
        self.store.images.pulled((upstream, repository, str(digest)), time.time())


@asynccontextmanager
async def larder(root: Path) -> AsyncIterator[Larder]:
    """An empty one."""
    async with store_at(root, durable=False) as store:
        await until(lambda: is_gathered(root))
        yield Larder(store, root)


def is_gathered(root: Path) -> bool:
    """Whether a store that was opened there knows by now what its images need."""
    with Looking(root) as looking:
        return looking.index.stage >= GATHERED


def filled(root: Path, fill: Callable[[Larder], Awaitable[T]]) -> T:
    """A cache that `fill` has filled, and that nobody uses any more; what that has returned."""

    async def run() -> T:
        async with larder(root) as made:
            return await fill(made)

    return asyncio.run(run())


def _made(layers: Sequence[bytes]) -> Image:
    config = content.config(layers)
    body = content.manifest(config, layers)
    digests = tuple(map(Digest.of, layers))
    return Image(Digest.of(body), body, content.OCI_MANIFEST, Digest.of(config), digests)
