"""The disk fails at any call while clients pull: they get the right bytes, and the next pull is kept again (F12)."""

from __future__ import annotations

import asyncio
import errno
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from mirror.config.settings import Limits
from mirror.oci.digest import Digest
from mirror.pull.manifests import Question
from mirror.store.eviction import Room
from mirror.store.filesystem import Filesystem
from mirror.store.leftovers import clear_ingests
from tests.support.caches import descriptors, false_blobs, layout_at, published, under_way
from tests.support.checker import until
from tests.support.content import Image
from tests.support.faults import Fault as Trouble
from tests.support.faults import Gate
from tests.support.faulty_disk import Fault, FaultyDisk
from tests.support.measured import counting
from tests.support.pulling import Setup, pulling
from tests.support.registry import FakeRegistry
from tests.support.stories import LARGE, Scene
from tests.support.surface import noise
from tests.support.sweeps import Bound
from tests.support.tiers import count

FAULTS = {
    "full": Fault(errno.ENOSPC),
    "full for good": Fault(errno.ENOSPC, lasting=True),
    "over quota for good": Fault(errno.EDQUOT, lasting=True),
    "medium error": Fault(errno.EIO),
    "read-only from now on": Fault(errno.EROFS, lasting=True),
    "forbidden from now on": Fault(errno.EACCES, lasting=True),
    "no more open files": Fault(errno.EMFILE),
    "gone from now on": Fault(errno.ENOENT, lasting=True),
}
STEP = count(5, 1)  # every so manieth call
# It is not the registry that is in trouble, however slow the machine.
PATIENT = Limits(connect_timeout=30, first_byte_timeout=30, read_timeout=30, answer_timeout=60)


async def _pull(scene: Scene) -> list[BaseException | None]:
    """Pull the image; what went wrong. What did not is right to the byte."""

    async def manifest() -> None:
        found = await scene.pull.manifests.find(Question(scene.pull.target(), "latest"))
        assert found.manifest.body == scene.image.manifest_body

    async def blob(digest: Digest) -> None:
        assert digest.verifies(await scene.blob(digest))

    digests = (scene.image.config_digest, *scene.image.layer_digests)
    outcomes = await asyncio.gather(manifest(), *map(blob, digests), return_exceptions=True)
    await scene.settled()
    return [error for error in outcomes if error is not None]


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault at the call of that number."""

    number: int
    fault: Fault


async def _struck(root: Path, registry: FakeRegistry, image: Image, strike: Strike) -> bool:
    """Pull while the disk fails, and after that; whether there was such a call at all."""
    disk = FaultyDisk()
    async with pulling(root, Setup(filesystem=disk, limits=PATIENT), one=registry.url) as pull:
        scene = Scene(pull, registry, image, Bound(), root)
        before = len(descriptors(root))
        disk.arm(strike.number, strike.fault)
        errors = await _pull(scene)
        reached = disk.fired
        disk.disarm()
        assert errors == []
        assert false_blobs(root) == []
        assert await _pull(scene) == []  # the same process, as soon as the disk is well again
        await until(lambda: len(descriptors(root)) == before)  # some are closed by a thread
    async with pulling(root, one=registry.url) as pull:
        await Scene(pull, registry, image, Bound(), root).everything()
    with layout_at(root) as layout:
        clear_ingests(layout, time.time() + 120)
    assert (false_blobs(root), under_way(root)) == ([], [])
    shutil.rmtree(root)
    return reached


@pytest.mark.timeout(600)
@pytest.mark.parametrize("fault", FAULTS)
async def test_an_error_of_the_disk_at_any_call_is_nobodys_trouble_and_is_got_over(tmp_path: Path, fault: str) -> None:
    async with FakeRegistry() as registry:
        image = registry.push_image("a/b", "latest", [noise("small", 1500), LARGE])
        what = f"calls at which the disk fails ({fault}): a pull that fails, or something corrupt"
        with counting("F12", what) as tries:
            while await _struck(
                tmp_path / f"{tries.count}", registry, image, Strike(STEP * tries.count, FAULTS[fault])
            ):
                tries.begin()
    assert tries.count > 5


async def test_what_is_being_fetched_outlives_the_removal_of_everything_that_is_stored(tmp_path: Path) -> None:
    async with FakeRegistry() as registry:
        image, gate = registry.push_image("a/b", "latest", [LARGE]), Gate(piece=256 * 1024)
        async with pulling(tmp_path, one=registry.url) as pull:
            scene = Scene(pull, registry, image, Bound(), tmp_path)
            await scene.manifest()
            registry.fail(Trouble(gate=gate), "GET", str(Digest.of(LARGE)))
            fetching = asyncio.gather(scene.blob(Digest.of(LARGE)))
            await gate.arrived.wait()
            gate.release()
            for room in ("blobs/sha256", "ingest"):
                for path in (tmp_path / room).iterdir():
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            gate.open()
            assert list(await fetching) == [LARGE]
            await scene.settled()
            await scene.everything()
            assert str(Digest.of(LARGE)) in published(tmp_path)


class Measured(Filesystem):
    """A disk with so much room, of which stored bytes take their part, and which remembers the least that was free."""

    def __init__(self, root: Path, total: int) -> None:
        self._root = root
        self._total = total
        self.least = total

    def space(self, directory: int) -> tuple[int, int]:
        found = [*self._root.glob("blobs/*/*"), *self._root.glob("ingest/*/data")]
        inodes = {status.st_ino: status.st_size for status in (path.stat() for path in found if path.exists())}
        free = self._total - sum(inodes.values())
        self.least = min(self.least, free)
        return self._total, free

    def write(self, descriptor: int, data: bytes | memoryview, offset: int) -> None:
        super().write(descriptor, data, offset)
        self.space(descriptor)


RESERVE = 400_000


async def test_min_free_is_never_passed_by_a_download_whose_size_is_known(tmp_path: Path) -> None:
    disk = Measured(tmp_path, 2_000_000)
    room = Room(max_size=lambda total: total, min_free=lambda _: RESERVE)
    layers = [noise(f"{number}", 500_000) for number in range(6)]
    async with FakeRegistry() as registry:
        digests = [registry.push_blob("a/b", layer) for layer in layers]
        async with pulling(tmp_path, Setup(filesystem=disk, room=room), one=registry.url) as pull:
            image = registry.push_image("a/b", "latest", [])
            scene = Scene(pull, registry, image, Bound(), tmp_path)
            for digest in digests:
                assert digest.verifies(await scene.blob(digest))
                await scene.settled()
            assert str(digests[-1]) in published(tmp_path)
            assert pull.store.evicted > 0
    assert disk.least >= RESERVE


async def test_what_does_not_fit_without_passing_min_free_is_passed_on_and_not_stored(tmp_path: Path) -> None:
    disk = Measured(tmp_path, 600_000)
    room = Room(max_size=lambda total: total, min_free=lambda _: RESERVE)
    async with FakeRegistry() as registry:
        digest = registry.push_blob("a/b", noise("large", 500_000))
        async with pulling(tmp_path, Setup(filesystem=disk, room=room), one=registry.url) as pull:
            scene = Scene(pull, registry, registry.push_image("a/b", "latest", []), Bound(), tmp_path)
            assert digest.verifies(await scene.blob(digest))
            await scene.settled()
            assert str(digest) not in published(tmp_path)
        assert (under_way(tmp_path), disk.least) == ([], 600_000)
