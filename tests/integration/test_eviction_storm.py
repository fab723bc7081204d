"""Whole images have to go, again and again, while very many clients read: none fails, and no image is left in part."""

from __future__ import annotations

import asyncio
import os
import random
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from mirror.oci.digest import Digest
from tests.support.checker import until
from tests.support.content import Image
from tests.support.herd import Visitor, until_over, visit
from tests.support.loops import run_on
from tests.support.measured import Row, note
from tests.support.mirror import MirrorUnderTest
from tests.support.registry import FakeRegistry
from tests.support.surface import noise
from tests.support.tiers import count

STREAMS = count(24, 500)
READ = 4  # images that the streams are of
OTHERS = count(10, 40)
PULLS = count(5, 50)  # by each of those who pull others meanwhile
PULLERS = 4
SIZE = 8 * 1024**2  # bytes of a layer: more than the kernel holds for a client that reads nothing
ROOM = (READ + 5) * SIZE  # for what is read, what is coming, and an image that goes for the next one
PATIENCE = 90
EVERY = 0.005  # seconds


@dataclass(slots=True)
class Sample:
    """What the disk was seen to hold, at the most; `times`: how often that was looked at."""

    most: int = 0
    times: int = 0
    failed: list[str] = field(default_factory=list)


class Storm:
    """A mirror, images that are read, and others for which something has to go each time."""

    def __init__(self, mirror: MirrorUnderTest, registry: FakeRegistry) -> None:
        self.mirror = mirror
        self.root = mirror.settings.storage.root
        self.store = mirror.mirror.store
        base = noise("base", 64 * 1024)
        self._layers: dict[Digest, bytes] = {}
        self.read = [self._push(registry, f"read/app{number}", base) for number in range(READ)]
        self.others = [self._push(registry, f"other/app{number}", base) for number in range(OTHERS)]

    def _push(self, registry: FakeRegistry, repository: str, base: bytes) -> tuple[str, Image]:
        layer = noise(repository, 4096) * (SIZE // 4096)
        image = registry.push_image(repository, "v1", [base, layer])
        self._layers |= dict(zip(image.layer_digests, (base, layer), strict=True))
        return repository, image

    async def pull(self, repository: str, image: Image) -> str | None:
        """As a client does; what is wrong with it."""
        for reference in ("v1", image.digest):
            answer, body = await self.mirror.get(f"/v2/{repository}/manifests/{reference}")
            if answer.status != 200 or body != image.manifest_body:
                return f"{repository}@{reference}: {answer.status}"
        for digest in (image.config_digest, *image.layer_digests):
            answer, body = await self.mirror.get(f"/v2/{repository}/blobs/{digest}")
            if answer.status != 200 or not digest.verifies(body):
                return f"{repository}, {digest}: {answer.status}"
        return None

    async def streams(self) -> list[Visitor]:
        """Clients that have begun to read a layer each, and take nothing more for now."""
        address = self.mirror.mirror.listeners.bound[0]
        found = []
        for number in range(STREAMS):
            repository, image = self.read[number % READ]
            digest = image.layer_digests[1]
            path = f"/v2/{repository}/blobs/{digest}"
            found.append(await visit((address.host, address.port), path, self._layers[digest]))
        async with asyncio.timeout(PATIENCE):
            for stream in found:
                await stream.first.wait()
                stream.pause()
        return found

    async def rage(self, sample: Sample) -> None:
        """Those who pull others, each at random."""

        async def puller(number: int) -> None:
            random_ = random.Random(number)
            for _ in range(PULLS):
                fault = await self.pull(*random_.choice(self.others))
                sample.failed += [] if fault is None else [fault]

        async with asyncio.TaskGroup() as pulling:
            for number in range(PULLERS):
                pulling.create_task(puller(number))

    async def broken(self) -> list[str]:
        """Images of which a part is not there, though their manifest is; once nothing is on its way any more."""
        await until(lambda: not len(self.mirror.mirror.pulls.fetches))  # a client has it all before it is published
        await self.store.flush()
        await self.store.evict()
        found = []
        for repository, image in (*self.read, *self.others):
            parts = (image.config_digest, *image.layer_digests)
            if self.has(image.digest) and not all(map(self.has, parts)):
                found.append(repository)
        return found

    def has(self, digest: Digest) -> bool:
        return (self.root / "blobs" / digest.algorithm / digest.encoded).exists()

    def on_disk(self) -> int:
        """Bytes of all blobs, whole or coming, each file once."""
        seen: dict[int, int] = {}
        for room in ("blobs", "ingest"):
            for directory, _, names in os.walk(self.root / room):  # which passes over what goes meanwhile
                for name in names:
                    with suppress(FileNotFoundError):
                        status = os.stat(os.path.join(directory, name))
                        seen[status.st_ino] = status.st_size
        return sum(seen.values())


@asynccontextmanager
async def sampled(storm: Storm) -> AsyncIterator[Sample]:
    """Look at the disk as often as can be, until this is left."""
    sample = Sample()

    over = threading.Event()

    def look() -> None:
        while not over.wait(EVERY):
            sample.most = max(sample.most, storm.on_disk())
            sample.times += 1

    # Not on the loop, nor in its threads: with hundreds of streams both have other things to do for seconds.
    looking = threading.Thread(target=look, name="sampling")
    looking.start()
    try:
        yield sample
    finally:
        over.set()
        await asyncio.to_thread(looking.join)


def test_a_storm_of_evictions_ends_no_stream_and_breaks_no_image(tmp_path: Path) -> None:
    async def scenario() -> tuple[int, Sample, int]:
        room = {"storage": {"max_size": f"{ROOM}B"}, "prefetch": "off"}
        async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url, room) as mirror:
            storm = Storm(mirror, registry)
            for one in storm.read:
                assert await storm.pull(*one) is None
            streams = await storm.streams()
            asked = registry.count("GET", "/read/")
            async with sampled(storm) as sample:
                await storm.rage(sample)
            assert storm.store.evicted >= (PULLS - 1) * SIZE  # the storm has taken place
            assert await storm.broken() == []
            assert all(storm.has(image.digest) for _, image in storm.read)  # whose layers are being read
            for _, image in storm.read:  # and if they went, nobody would notice (S5)
                assert await storm.store.blobs.delete(image.layer_digests[1])
            for stream in streams:
                stream.resume()
            await until_over(streams, PATIENCE)
            assert registry.count("GET", "/read/") == asked  # nobody's stream was fetched again
            for one in (*storm.read, *storm.others):
                fault = await storm.pull(*one)
                sample.failed += [] if fault is None else [fault]
            assert await storm.broken() == []
            return sum(not stream.satisfied for stream in streams), sample, storm.store.evicted

    failed, sample, evicted = run_on("asyncio", scenario())
    images = evicted // SIZE
    over = max(sample.most - ROOM, 0) / SIZE
    note(Row("F25", f"an eviction storm under {STREAMS} streams: streams that fail", "0", str(failed)))
    note(
        Row(
            "F25",
            f"the same: pulls that fail, of {PULLERS * PULLS + OTHERS + READ}, while {images} images' worth goes",
            "0",
            f"{len(sample.failed)}; {over:.1f} layers above the limit at the most, with {PULLERS} on their way",
        )
    )
    assert failed == 0
    assert sample.failed == []
    assert sample.times > 10
    assert sample.most <= ROOM + PULLERS * SIZE
