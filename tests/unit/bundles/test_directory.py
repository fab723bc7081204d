"""Files below a directory, none of which leads anywhere else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mirror.bundles.directory import Directory
from tests.support.bundles import written


def test_only_regular_files_count(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    root = written(tmp_path / "d", {"a": b"x"})
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "away").symlink_to(tmp_path, target_is_directory=True)
    os.mkfifo(root / "pipe")
    files = Directory(root)
    assert [files.size(path) for path in ("link", "away/secret", "pipe", "../secret", "a")] == [None] * 4 + [1]
    files.close()


def test_a_file_that_is_exchanged_for_a_link_is_not_followed(tmp_path: Path) -> None:
    root = written(tmp_path / "d", {"a": b"x"})
    files = Directory(root)
    (root / "a").unlink()
    (root / "a").symlink_to("/etc/hostname")
    with pytest.raises(OSError, match="symbolic"):
        next(files.pieces("a"))
    files.close()
