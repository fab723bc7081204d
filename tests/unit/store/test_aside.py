"""What is set aside is there to be looked at, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirror.store.aside import set_aside


@pytest.mark.parametrize("kind", ["file", "directory"])
@pytest.mark.parametrize("earlier", ["nothing", "file", "directory"])
def test_what_is_set_aside_takes_the_place_of_what_was_before(tmp_path: Path, kind: str, earlier: str) -> None:
    one, aside = tmp_path / "one", tmp_path / "one.broken"
    _make(one, kind)
    _make(aside, earlier)
    set_aside(one)
    assert not one.exists()
    assert aside.is_file() == (kind == "file")
    assert aside.is_dir() == (kind == "directory")


def test_a_link_in_the_way_stays_and_so_does_what_it_leads_to(tmp_path: Path) -> None:
    one, aside, elsewhere = tmp_path / "one", tmp_path / "one.broken", tmp_path / "elsewhere"
    _make(one, "directory")
    _make(elsewhere, "directory")
    aside.symlink_to(elsewhere)
    with pytest.raises(OSError, match="Not a directory"):
        set_aside(one)
    assert (one / "something").exists()
    assert (elsewhere / "something").exists()


def _make(path: Path, kind: str) -> None:
    if kind == "directory":
        path.mkdir()
        (path / "something").touch()
    elif kind == "file":
        path.touch()
