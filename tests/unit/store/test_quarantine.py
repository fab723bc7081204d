"""What was not what its name says is kept to be looked at, and never takes up more than its due."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirror.store.layout import Layout
from mirror.store.quarantine import Quarantine
from tests.support.caches import blob, layout_at, path_of, published
from tests.support.faulty_disk import Fault, FaultyDisk

DIGEST, DATA = blob(1)
NOW = 1_000_000_000.0
DAY = 86400.0


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    with layout_at(tmp_path) as opened:
        yield opened


def _brought(root: Path, count: int, size: int = 1, since: float = NOW) -> list[str]:
    """Files in quarantine, a second apart, the newest last."""
    names = [
        f"sha256-{blob(-number)[0].encoded}-{int(since * 1e9) + number * 10**9 - count * 10**9}"
        for number in range(count)
    ]
    for name in names:
        with (root / "quarantine" / name).open("wb") as file:
            file.truncate(size)
    return names


def _kept(root: Path) -> list[str]:
    return sorted((path.name for path in (root / "quarantine").iterdir()), key=lambda name: name.rpartition("-")[2])


def test_a_file_that_is_taken_is_kept_under_its_digest_and_the_time(layout: Layout, tmp_path: Path) -> None:
    path_of(tmp_path, DIGEST).write_bytes(b"other")
    quarantine, before = Quarantine(layout), time.time_ns()
    assert quarantine.take(DIGEST)
    ((name, when),) = ((name, int(when)) for name, _, when in (one.rpartition("-") for one in _kept(tmp_path)))
    assert name == f"sha256-{DIGEST.encoded}"
    assert before <= when <= time.time_ns()
    assert (published(tmp_path), quarantine.taken) == ([], 1)


def test_what_is_not_there_is_not_taken(layout: Layout) -> None:
    quarantine = Quarantine(layout)
    assert not quarantine.take(DIGEST)
    assert quarantine.taken == 0


def test_only_the_file_that_was_found_false_is_taken(layout: Layout, tmp_path: Path) -> None:
    path = path_of(tmp_path, DIGEST)
    path.write_bytes(b"other")
    false = path.stat().st_ino
    path.rename(tmp_path / "false")  # as another process does, which then fetches the blob again
    path.write_bytes(DATA)
    before, quarantine = path.stat(), Quarantine(layout)
    assert not quarantine.take(DIGEST, false)
    after = path.stat()
    assert path.read_bytes() == DATA
    assert (after.st_ino, after.st_mtime_ns, after.st_nlink) == (before.st_ino, before.st_mtime_ns, 1)
    assert (_kept(tmp_path), quarantine.taken) == ([], 0)
    assert quarantine.take(DIGEST, after.st_ino)
    assert (published(tmp_path), quarantine.taken) == ([], 1)


def test_a_file_that_cannot_be_kept_goes_all_the_same(tmp_path: Path) -> None:
    disk = FaultyDisk()
    with layout_at(tmp_path, disk) as layout:
        path_of(tmp_path, DIGEST).write_bytes(b"other")
        disk.arm(0, Fault(errno.ENOSPC))
        quarantine = Quarantine(layout)
        assert quarantine.take(DIGEST)
        assert disk.fired
        assert (published(tmp_path), _kept(tmp_path), quarantine.taken) == ([], [], 1)


def test_the_newest_sixteen_are_kept(layout: Layout, tmp_path: Path) -> None:
    names = _brought(tmp_path, 20)
    Quarantine(layout).clear(NOW)
    assert _kept(tmp_path) == names[4:]


@pytest.mark.parametrize(("size", "kept"), [(1 << 28, 4), (1 << 31, 1)])
def test_large_ones_are_kept_up_to_a_gibibyte_and_the_newest_always(
    layout: Layout, tmp_path: Path, size: int, kept: int
) -> None:
    names = _brought(tmp_path, 6, size)
    Quarantine(layout).clear(NOW)
    assert _kept(tmp_path) == names[-kept:]


def test_after_a_month_they_go(layout: Layout, tmp_path: Path) -> None:
    _brought(tmp_path, 2, since=NOW - 31 * DAY)
    names = _brought(tmp_path, 1, since=NOW - 29 * DAY)
    Quarantine(layout).clear(NOW)
    assert _kept(tmp_path) == names


def test_a_directory_in_quarantine_does_not_keep_the_others(layout: Layout, tmp_path: Path) -> None:
    names = _brought(tmp_path, 18)
    (tmp_path / "quarantine" / names[0]).unlink()
    (tmp_path / "quarantine" / names[0]).mkdir()
    Quarantine(layout).clear(NOW)
    assert _kept(tmp_path) == [names[0], *names[2:]]


def test_one_that_cannot_be_removed_does_not_keep_the_others(tmp_path: Path) -> None:
    disk = FaultyDisk()
    with layout_at(tmp_path, disk) as layout:
        names = _brought(tmp_path, 18)
        disk.arm(0, Fault(errno.EIO))
        Quarantine(layout).clear(NOW)
        assert disk.fired
        assert _kept(tmp_path) == [names[1], *names[2:]]
