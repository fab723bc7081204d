"""What the tests that mount leave behind: nothing, and not even a mount that somebody holds (the fault of a CI run)."""

from __future__ import annotations

import subprocess
from pathlib import Path
from threading import Timer

import pytest

from tests.support import mounts
from tests.support.processes import program

TMPFS = ("-t", "tmpfs", "-o", "size=1m")


def is_mounted(place: Path) -> bool:
    """By the kernel's own list: a directory that is bound to another one of its file system looks like any other."""
    return any(line.split()[4] == str(place) for line in Path("/proc/self/mountinfo").read_text().splitlines())


def test_who_ends_a_moment_later_is_waited_for(tmp_path: Path) -> None:
    with mounts.mounted("tmpfs", tmp_path / "disk", *TMPFS) as place:
        holder = subprocess.Popen([program("cat")], cwd=place, stdin=subprocess.PIPE)
        assert holder.stdin is not None
        assert subprocess.run([program("umount"), str(place)], capture_output=True).returncode != 0
        Timer(0.3, holder.stdin.close).start()
    assert holder.wait(10) == 0
    assert not is_mounted(place)


def test_a_directory_that_is_bound_to_another_one_is_unmounted(tmp_path: Path) -> None:
    (tmp_path / "spare").mkdir()
    with mounts.mounted(str(tmp_path / "spare"), tmp_path / "place", "--bind") as place:
        assert is_mounted(place)
    assert not is_mounted(place)


def test_what_is_held_for_good_is_detached_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "RELEASED", 0.1)
    with (
        pytest.raises(AssertionError, match=r"detached.* busy"),
        mounts.mounted("tmpfs", tmp_path / "disk", *TMPFS) as place,
    ):
        held = (place / "held").open("wb")
    held.close()
    assert not is_mounted(place)
