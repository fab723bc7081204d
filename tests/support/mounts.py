"""File systems of their own for tests: they need root, and tmpfs or, in the long tier, loop devices."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.support.processes import program, wait_until

RELEASED = 20.0  # seconds in which processes that were killed have let go of their files


def see_that_mounting_works() -> None:
    """Raises AssertionError, which says what is missing: a test that cannot run has failed, it is not skipped."""
    if os.geteuid() != 0:
        raise AssertionError("file systems are mounted by root only: run the long tier as root")
    if not Path("/dev/loop-control").exists():
        raise AssertionError("there are no loop devices here (/dev/loop-control): the long tier needs them")


def make_ext4(image: Path, size: int) -> None:
    """An empty ext4 in a file of so many bytes."""
    with image.open("wb") as file:
        file.truncate(size)
    _run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(image))


@contextlib.contextmanager
def mounted(source: str, place: Path, *options: str) -> Iterator[Path]:
    """The directory with the file system mounted on it; unmounted at the end, whatever happened.

    Workers whose supervisor was killed end a moment after it, and hold their files until then: that is waited for. What
    is held longer is detached and raises AssertionError: a mount that stayed would be in the way of whoever clears up.
    """
    place.mkdir(exist_ok=True)
    _run("mount", *options, source, str(place))
    try:
        yield place
    finally:
        _unmount(place)


def _unmount(place: Path) -> None:
    said = ""

    def is_unmounted() -> bool:
        nonlocal said
        try:
            _run("umount", str(place))
        except AssertionError as error:
            said = str(error)
            return False
        return True

    try:
        wait_until(is_unmounted, "the place is held by nobody", RELEASED)
    except (AssertionError, subprocess.TimeoutExpired) as error:
        _run("umount", "--lazy", str(place))
        raise AssertionError(f"detached, for it was held for {RELEASED:g} s: {said}") from error


def _run(name: str, *arguments: str) -> None:
    done = subprocess.run([program(name), *arguments], capture_output=True, timeout=60, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{name} {' '.join(arguments)}: {done.stderr.decode(errors='replace').strip()}")
