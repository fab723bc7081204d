"""What the tests that mount leave behind: nothing, and not even a mount that somebody holds (the fault of a CI run)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support import mounts
from tests.support.processes import program

TMPFS = ("-t", "tmpfs", "-o", "size=1m")


def test_who_ends_a_moment_later_is_waited_for(tmp_path: Path) -> None:
    with mounts.mounted("tmpfs", tmp_path / "disk", *TMPFS) as place:
        holder = subprocess.Popen([program("sleep"), "0.5"], cwd=place)
        assert subprocess.run([program("umount"), str(place)], capture_output=True).returncode != 0
    assert holder.wait(10) == 0
    assert not place.is_mount()


def test_what_is_held_for_good_is_detached_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "RELEASED", 0.1)
    with (
        pytest.raises(AssertionError, match="nobody holds"),
        mounts.mounted("tmpfs", tmp_path / "disk", *TMPFS) as place,
    ):
        held = (place / "held").open("wb")
    held.close()
    assert not place.is_mount()
