"""A real file system that is full under a mirror, in bytes or in files (F12).

Long tier only (`MIRROR_SOAK=1`): it needs root, and fails where it is not.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mirror.errors import StoreFailed
from mirror.store.eviction import Room
from tests.support.caches import false_blobs, layout_at, published
from tests.support.mounts import mounted, see_that_mounting_works
from tests.support.pulling import Setup, pulling
from tests.support.registry import FakeRegistry
from tests.support.stories import Scene
from tests.support.surface import noise
from tests.support.sweeps import Bound
from tests.support.tiers import LONG

BOUNDLESS = Room(max_size=lambda _: 1 << 40, min_free=lambda _: 0)  # so that nothing goes before the disk is full
MEBIBYTE = 1024 * 1024


async def _pull_all(place: Path, layers: list[bytes]) -> list[str]:
    """Pull these, one after the other, all of them right; what is kept in the end, after housekeeping has been."""
    async with FakeRegistry() as registry:
        digests = [registry.push_blob("a/b", layer) for layer in layers]
        image = registry.push_image("a/b", "latest", [])
        async with pulling(place, Setup(room=BOUNDLESS), one=registry.url) as pull:
            scene = Scene(pull, registry, image, Bound(), place)
            for digest in digests:
                assert digest.verifies(await scene.blob(digest))
                await scene.settled()
                await pull.store.evict()
            assert false_blobs(place) == []
            return [str(digest) for digest in digests if str(digest) in published(place)]


if LONG:

    async def test_a_disk_without_room_is_passed_by(tmp_path: Path) -> None:
        see_that_mounting_works()
        with mounted("tmpfs", tmp_path / "disk", "-t", "tmpfs", "-o", "size=3m") as place:
            kept = await _pull_all(place, [noise(f"{number}", MEBIBYTE) for number in range(6)])
            assert 0 < len(kept) < 6

    @pytest.mark.parametrize("inner", ["ingest", "blobs", "blobs/sha256"])
    @pytest.mark.parametrize("how", [("-t", "tmpfs"), ("--bind",)], ids=["another", "the same"])
    async def test_a_file_system_mounted_within_the_directory_is_refused(
        tmp_path: Path, inner: str, how: tuple[str, ...]
    ) -> None:
        see_that_mounting_works()
        with layout_at(tmp_path / "cache"):
            """What is to be there."""
        (tmp_path / "spare").mkdir()
        with (
            mounted(str(tmp_path / "spare"), tmp_path / "cache" / inner, *how),
            pytest.raises(StoreFailed, match="mounted apart"),
            layout_at(tmp_path / "cache"),
        ):
            """It cannot be used."""

    async def test_a_disk_without_files_has_the_oldest_evicted(tmp_path: Path) -> None:
        see_that_mounting_works()
        with mounted("tmpfs", tmp_path / "disk", "-t", "tmpfs", "-o", "size=64m,nr_inodes=80") as place:
            layers = [noise(f"{number}", 1000 + number) for number in range(150)]
            kept = await _pull_all(place, layers)
            assert len(kept) > 10
            assert kept[-1] == str(FakeRegistry().push_blob("a/b", layers[-1]))  # the newest
