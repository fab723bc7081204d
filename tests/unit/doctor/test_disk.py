"""The disk, looked at without leaving anything on it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirror.config.settings import Storage
from mirror.doctor.disk import examine, file_system
from mirror.doctor.findings import Finding, Level

NOBODY = 65534


@pytest.fixture
def closed() -> Iterator[Path]:
    """A cache that may not be looked into by the user that this becomes, for whom modes count."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)
        root = directory / "cache"
        (root / "blobs").mkdir(parents=True)
        root.chmod(0)
        before = os.geteuid()
        os.seteuid(before or NOBODY)
        try:
            yield root
        finally:
            os.seteuid(before)
            root.chmod(0o755)


def found(root: Path, clock: list[float] | None = None, **values: object) -> dict[str, Finding]:
    storage = Storage.model_validate({"root": str(root), "min_free": 0, **values})
    times = iter(clock or [0.0, 0.001])
    return {finding.what: finding for finding in examine(storage, lambda: next(times))}


def test_a_directory_that_can_be_used_is_well(tmp_path: Path) -> None:
    findings = found(tmp_path)
    assert (findings["room"].level, findings["writing"].level) == (Level.OK, Level.OK)
    assert "a sync takes 1 ms" in findings["writing"].words
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_is_not_there_yet_is_looked_for_where_it_would_be_made(tmp_path: Path) -> None:
    findings = found(tmp_path / "one" / "two")
    assert "would be made" in findings["writing"].words
    assert list(tmp_path.iterdir()) == []


def test_a_slow_disk_is_a_warning(tmp_path: Path) -> None:
    finding = found(tmp_path, [0.0, 0.5])["writing"]
    assert (finding.level, finding.what) == (Level.WARNING, "writing")
    assert "500 ms" in finding.words
    assert "durability" in finding.advice


def test_a_place_that_cannot_be_written_is_bad(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    finding = found(tmp_path / "file" / "cache")["writing"]
    assert finding.level is Level.BAD
    assert finding.advice


@pytest.mark.parametrize("below", [".", "deeper/cache"])
def test_a_cache_of_another_user_is_told_and_not_tripped_over(closed: Path, below: str) -> None:
    finding = found(closed / below)["writing"]
    assert finding.level is Level.BAD
    assert "permission denied" in finding.words
    assert "as which user" in finding.advice


def test_a_cache_that_is_to_be_larger_than_the_disk_is_a_warning(tmp_path: Path) -> None:
    assert found(tmp_path, max_size="8000000TiB")["room"].level is Level.WARNING
    assert found(tmp_path, max_size="1MiB")["room"].level is Level.OK


def test_a_disk_without_room_is_bad(tmp_path: Path) -> None:
    finding = found(tmp_path, min_free="8000000TiB")["room"]
    assert finding.level is Level.BAD
    assert "min_free" in finding.words


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        ("36 35 {device} /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw", "ext3"),
        ("1 1 999:999 / / rw - xfs /dev/a rw\n36 35 {device} / / rw - tmpfs tmpfs rw", "tmpfs"),
        ("36 35 999:999 / / rw - ext4 /dev/root rw", None),
        ("", None),
        ("nonsense", None),
    ],
)
def test_the_type_of_a_file_system_is_the_kernels_word(tmp_path: Path, lines: str, kind: str | None) -> None:
    device = tmp_path.stat().st_dev
    mounts = tmp_path / "mountinfo"
    mounts.write_text(lines.format(device=f"{device >> 8 & 0xFFF}:{device & 0xFF | device >> 12 & ~0xFF}"))
    assert file_system(tmp_path, mounts) == kind
    assert file_system(tmp_path, tmp_path / "none") is None
