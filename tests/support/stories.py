"""What clients have a mirror do while its disk is looked at, and what must hold whatever is left of that disk."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

from mirror.oci.digest import Digest
from mirror.pull.manifests import Question
from mirror.store.leftovers import clear_ingests
from tests.support.caches import data_of_the_ingest, descriptors, false_blobs, layout_at, published, under_way
from tests.support.checker import until
from tests.support.content import Image
from tests.support.faults import Fault
from tests.support.pulling import Pulling, Setup, body, pulling
from tests.support.recording_disk import RecordingDisk
from tests.support.registry import FakeRegistry
from tests.support.states import State
from tests.support.surface import noise
from tests.support.sweeps import Bound
from tests.support.wide import begun, ways

SMALL, LARGE, OTHER = noise("small", 1500), noise("large", 700_000), noise("other", 300_000)
LAYERS = {Digest.of(data): data for data in (SMALL, LARGE, OTHER)}


@dataclass(frozen=True, slots=True)
class Scene:
    """A mirror that is being used."""

    pull: Pulling
    registry: FakeRegistry
    image: Image
    bound: Bound
    root: Path

    async def manifest(self) -> None:
        found = await self.pull.manifests.find(Question(self.pull.target(), "latest"))
        assert found.manifest.body == self.image.manifest_body

    async def blob(self, digest: Digest) -> bytes:
        return await body(await self.pull.blobs.find(self.pull.target(), digest))

    async def settled(self) -> None:
        """Wait until every download is over, and kept."""
        await until(lambda: not len(self.pull.fetches))

    async def everything(self) -> None:
        """Pull the image, as a client does; every byte is right."""
        await self.manifest()
        digests = [self.image.config_digest, *self.image.layer_digests]
        for digest, data in zip(digests, await asyncio.gather(*map(self.blob, digests)), strict=True):
            assert digest.verifies(data)
        await self.settled()


@dataclass(frozen=True, slots=True)
class Story:
    """`prepare` is done before anybody looks at the disk, by an earlier process; `spoil` to its directory."""

    name: str
    do: Callable[[Scene], Awaitable[object]]
    prepare: Callable[[Scene], Awaitable[object]] | None = None
    spoil: Callable[[Path], object] = lambda _: None


async def _image(scene: Scene) -> None:
    await scene.manifest()
    await scene.blob(scene.image.config_digest)


async def _large(scene: Scene) -> None:
    await scene.blob(Digest.of(LARGE))


async def _evict(scene: Scene) -> None:
    await asyncio.gather(scene.blob(Digest.of(LARGE)), scene.blob(Digest.of(SMALL)))
    await scene.settled()
    scene.bound.size = 500_000
    await scene.pull.store.evict()
    await scene.blob(Digest.of(OTHER))
    await scene.settled()
    scene.bound.size = 1 << 40


async def _broken_off(scene: Scene) -> None:
    """The first half of a blob, as a process leaves it that was stopped."""
    scene.registry.fail(Fault(cut_at=400_000), "GET", str(Digest.of(LARGE)))
    scene.registry.fail(Fault(status=404), "GET", str(Digest.of(LARGE)), times=None)
    with_error = await asyncio.gather(scene.blob(Digest.of(LARGE)), return_exceptions=True)
    assert isinstance(with_error[0], BaseException)
    scene.registry.heal()
    assert data_of_the_ingest(scene.root).stat().st_size == 400_000


async def _wide(scene: Scene) -> None:
    """A blob over several connections at a time."""
    assert await begun(scene.pull, Digest.of(LARGE), ways(scene.registry)).all() == LARGE


STORIES = [
    Story("a manifest by tag and its config", _image),
    Story("a blob of several pieces", _large),
    Story("two fills and an eviction", _evict),
    Story("going on with a part", _large, prepare=_broken_off),
    Story("the index is made again", Scene.everything, Scene.everything, lambda root: shutil.rmtree(root / "index")),
    Story("a blob over several connections", _wide),
    Story("a corrupt blob is found", Scene.everything, Scene.everything, lambda root: _flip_large(root)),
]


def _flip_large(root: Path) -> None:
    path = root / "blobs" / "sha256" / Digest.of(LARGE).encoded
    path.write_bytes(b"x" + path.read_bytes()[1:])


class Telling:
    """Tells stories to a disk, again and again, in front of one registry."""

    def __init__(self, home: Path, registry: FakeRegistry) -> None:
        home.mkdir(exist_ok=True)
        self._home = home
        self._registry = registry
        self.image = registry.push_image("a/b", "latest", list(LAYERS.values()))

    async def record(self, story: Story, kind: type[RecordingDisk] = RecordingDisk) -> list[tuple[str, State]]:
        """How the disk stood before each call that changed it, and at the end."""
        root = self._home / "original"
        disk = kind(root)
        await self.tell(story, root, disk)
        shutil.rmtree(root)
        return disk.states

    async def tell(self, story: Story, root: Path, disk: RecordingDisk) -> None:
        """Let the story happen over this directory, on that disk."""
        if story.prepare is not None:
            bound = Bound()
            async with pulling(root, Setup(room=bound.room), one=self._registry.url) as pull:
                await story.prepare(Scene(pull, self._registry, self.image, bound, root))
            story.spoil(root)
        bound = Bound()
        os.makedirs(root, 0o700, exist_ok=True)  # else there is nothing that a first state could be taken of
        disk.recording = True
        async with pulling(root, Setup(filesystem=disk, room=bound.room), one=self._registry.url) as pull:
            scene = Scene(pull, self._registry, self.image, bound, root)
            await story.do(scene)
            await scene.settled()
        disk.states.append(("the end", disk.now()))

    async def check(self, state: State, *, bytes_lost: bool) -> None:
        """Start on what is left, pull everything, and look: nothing corrupt, nothing stuck, nothing left over.

        What somebody was told is kept is not fetched again. `bytes_lost`: after a power failure files may be wrong,
        and are then to be noticed; after a crash none is.
        """
        root = self._home / "left"
        state.write(root)
        await self.look(root, safe_of(state) if bytes_lost else set(published(root)) - self._spoilt(state))
        shutil.rmtree(root)

    async def look(self, root: Path, kept: set[str]) -> None:
        """The same of a directory. `kept`: digests of blobs that are there."""
        self._registry.requests.clear()
        async with asyncio.timeout(30):
            async with pulling(root, one=self._registry.url) as pull:
                await Scene(pull, self._registry, self.image, Bound(), root).everything()
        fetched = {seen.path.rpartition("/")[2] for seen in self._registry.seen("GET", "/blobs/")}
        assert not fetched & kept
        assert false_blobs(root) == []
        wanted = (*LAYERS, self.image.digest, self.image.config_digest)
        assert set(published(root)) >= {str(digest) for digest in wanted}
        with layout_at(root) as layout:
            clear_ingests(layout, time.time() + 120)
        assert under_way(root) == []
        assert descriptors(root) == []

    @staticmethod
    def _spoilt(state: State) -> set[str]:
        """Blobs of a state that are wrong in it, by a story's own doing."""
        blobs = ((Path(name).name, inode) for name, inode in state.names.items() if name.startswith("blobs/sha256/"))
        return {
            f"sha256:{encoded}"
            for encoded, inode in blobs
            if not Digest("sha256", encoded).verifies(state.contents[inode].data)
        }


def safe_of(state: State) -> set[str]:
    """The digests of the blobs of which somebody was told that they are kept."""
    return {f"sha256:{Path(name).name}" for name in state.safe}


def crashed(state: State) -> State:
    """What a process leaves that was killed: the system has everything that it was told."""
    return replace(state, added=frozenset(), removed={})
