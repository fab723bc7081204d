"""The power fails under a real file system: what its device held at each call is mounted, and pulled from (F2).

Long tier only (`MIRROR_SOAK=1`): it needs root and loop devices, and fails where it has them not.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from mirror.errors import MirrorError
from tests.support.measured import Share, note
from tests.support.mounts import make_ext4, mounted, see_that_mounting_works
from tests.support.recording_disk import RecordingDisk
from tests.support.registry import FakeRegistry
from tests.support.states import State
from tests.support.stories import STORIES, Story, Telling, safe_of
from tests.support.tiers import LONG

SIZE = 16 * 1024 * 1024


class PhotographedDisk(RecordingDisk):
    """A disk on a device of which a copy is taken before each call: what a power failure at that moment leaves."""

    def __init__(self, root: Path, device: Path, album: Path) -> None:
        super().__init__(root)
        self.photos: dict[str, tuple[Path, set[str]]] = {}  # by what is on them, the last of those that look alike
        self._device = device
        self._album = album
        album.mkdir()

    def now(self) -> State:
        """How everything stands; the device is photographed beside it."""
        state = super().now()
        with self._device.open("rb") as device:
            look = hashlib.file_digest(device, "sha256").hexdigest()
        if look not in self.photos:
            shutil.copyfile(self._device, self._album / look)
        self.photos[look] = (self._album / look, safe_of(state))
        return state


class SyncingNothing(PhotographedDisk):
    """One that says that it has synced, and has not."""

    def sync(self, descriptor: int) -> None:
        with self._call("sync"):
            self._is_synced(descriptor)


async def _failures(home: Path, story: Story, kind: type[PhotographedDisk]) -> tuple[int, list[str]]:
    """How many different states of the device there were, and what was wrong with which of them."""
    see_that_mounting_works()
    failures = []
    make_ext4(home / "device", SIZE)
    async with FakeRegistry() as registry:
        telling = Telling(home, registry)
        with mounted(str(home / "device"), home / "first", "-o", "loop,commit=300"):
            root = home / "first" / "cache"
            disk = kind(root, home / "device", home / "album")
            await telling.tell(story, root, disk)
        for number, (photo, safe) in enumerate(disk.photos.values()):
            with mounted(str(photo), home / "second", "-o", "loop"):
                root = home / "second" / "cache"
                os.makedirs(root, exist_ok=True)
                try:
                    await telling.look(root, safe)
                except (AssertionError, MirrorError, OSError, TimeoutError) as error:
                    failures.append(f"{number}: {type(error).__name__}: {error}"[:300])
            photo.unlink()
    return len(disk.photos), failures


if LONG:

    @pytest.mark.timeout(900)
    @pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
    async def test_what_a_power_failure_leaves_on_the_device_is_pulled_from_rightly(
        tmp_path: Path, story: Story
    ) -> None:
        photos, failures = await _failures(tmp_path, story, PhotographedDisk)
        assert photos > 3
        what = f"photographs of ext4 on a device, {story.name}: something corrupt, or lost though kept"
        note(Share("F2", what, len(failures), photos))
        assert failures == []

    @pytest.mark.timeout(900)
    async def test_without_syncs_the_device_has_not_what_was_said_to_be_kept(tmp_path: Path) -> None:
        """That the test above finds nothing is no accident: it does where the syncs do nothing."""
        _, failures = await _failures(tmp_path, STORIES[1], SyncingNothing)
        assert failures != []
