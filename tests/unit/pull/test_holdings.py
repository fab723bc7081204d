"""What is held of an image, and what the repository has yet to be told to have."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from mirror.oci.digest import Digest
from mirror.pull.content import Manifest
from mirror.pull.holdings import Holdings
from mirror.pull.memory import Memory
from mirror.pull.shelf import Shelf
from mirror.pull.upstreams import Target
from mirror.store.index import Index
from mirror.upstream.answers import ManifestBody
from tests.support import content
from tests.support.mirror import MirrorUnderTest
from tests.support.registry import FakeRegistry
from tests.support.shelves import shelved
from tests.support.stocked import least_used

LAYER = b"layer" * 100
CONFIG = content.config([LAYER])
BODY = content.manifest(CONFIG, [LAYER])


def by_last_use(root: Path) -> list[Digest]:
    """What is in the cache, in the order in which it would be evicted."""
    (database,) = root.rglob("index.db")
    with closing(Index(database.parent)) as index:
        return [Digest.parse(digest) for digest, _ in least_used(index)]


async def test_a_blob_that_another_repository_brought_is_held_and_unproven(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url) as mirror:
        store = mirror.mirror.store
        shelf = Shelf(store, Memory(1024), 1024**2)
        holdings = Holdings(store, shelf)
        target = Target(mirror.mirror.pulls.upstreams.named("docker.io"), "team/app")
        digest = Digest.of(BODY)
        assert await holdings.manifest(target, digest) is None
        await shelf.put(target, ManifestBody(BODY, content.OCI_MANIFEST, digest), digest)
        await store.put(Digest.of(LAYER), LAYER)
        manifest = await holdings.manifest(target, digest)
        assert manifest is not None
        (held,) = await holdings.images(target, manifest)
        assert (held.blobs, held.blobs_held, held.unproven) == (2, 1, 1)
        assert (held.bytes, held.bytes_held) == (len(LAYER) + len(CONFIG), len(LAYER))
        assert await holdings.manifest(Target(target.upstream, "team/other"), digest) is None
        assert registry.connections == 0


async def test_to_look_is_not_to_use(tmp_path: Path) -> None:
    bodies = [content.manifest(CONFIG, [LAYER, name]) for name in (b"older", b"newer")]
    digests = [Digest.of(body) for body in bodies]
    async with shelved(tmp_path) as room:
        for body, digest in zip(bodies, digests, strict=True):
            await room.shelf.put(room.target, ManifestBody(body, content.OCI_MANIFEST, digest), digest)
        holdings = Holdings(room.pull.store, room.anew())
        manifest = await holdings.manifest(room.target, digests[0])
        assert manifest is not None
        await holdings.images(room.target, manifest)
    assert by_last_use(tmp_path) == digests
    async with shelved(tmp_path) as room:
        assert await room.shelf.find(room.target, digests[0]) is not None
    assert by_last_use(tmp_path) == digests[::-1]


async def test_what_is_no_manifest_holds_nothing(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url) as mirror:
        store = mirror.mirror.store
        target = Target(mirror.mirror.pulls.upstreams.named("docker.io"), "team/app")
        odd = Manifest(Digest.of(b"{"), content.OCI_MANIFEST, 1, b"{")
        assert await Holdings(store, Shelf(store, Memory(1024), 1024)).images(target, odd) == ()
