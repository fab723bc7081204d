"""What is a cache of ours, and what is not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mirror.store.filesystem import Filesystem
from mirror.store.layout import Layout
from mirror.store.signs import objection


def cache(root: Path) -> Path:
    """A cache, as a mirror leaves it."""
    Layout(root, Filesystem()).close()
    (root / "index" / "index.db").touch()
    (root / "catalog" / "cache.db").touch()
    return root


def everything(root: Path) -> list[tuple[Path, int]]:
    return sorted((path, path.stat().st_mtime_ns) for path in root.rglob("*"))


def test_a_cache_an_empty_directory_and_one_that_is_not_there_can_be_used(tmp_path: Path) -> None:
    assert objection(cache(tmp_path / "cache")) is None
    (tmp_path / "empty" / "lost+found").mkdir(parents=True)
    assert objection(tmp_path / "empty") is None
    assert objection(tmp_path / "nowhere") is None
    assert not (tmp_path / "nowhere").exists()


def test_another_programs_directory_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").touch()
    before = everything(tmp_path)
    assert "is not empty and not a cache of this program" in str(objection(tmp_path))
    assert everything(tmp_path) == before


def test_a_newer_layout_is_not_taken(tmp_path: Path) -> None:
    (cache(tmp_path) / "version").write_text("2\n")
    assert str(objection(tmp_path)).endswith("has a layout that this version cannot read")


def test_a_cache_that_lost_its_version_is_one_by_every_other_sign(tmp_path: Path) -> None:
    (cache(tmp_path) / "version").unlink()
    before = everything(tmp_path)
    assert objection(tmp_path) is None
    assert everything(tmp_path) == before
    (tmp_path / "index" / "index.db").unlink()
    assert objection(tmp_path) is None


@pytest.mark.parametrize("lost", ["blobs/sha512", "ingest", "quarantine"])
def test_of_a_cache_that_lost_more_it_is_told_how_it_is_kept_and_not_to_empty_it(tmp_path: Path, lost: str) -> None:
    (cache(tmp_path) / "version").write_bytes(b"")
    shutil.rmtree(tmp_path / lost)
    said = str(objection(tmp_path))
    assert "write 1 into it, and what is cached is kept" in said
    assert "empty it" not in said
    (tmp_path / "version").write_text("1\n")
    assert objection(tmp_path) is None


def test_links_are_no_sign_of_ours(tmp_path: Path) -> None:
    root = cache(tmp_path / "cache")
    (root / "version").unlink()
    (root / "ingest").rename(tmp_path / "elsewhere")
    (root / "ingest").symlink_to(tmp_path / "elsewhere")
    assert objection(root) is not None
