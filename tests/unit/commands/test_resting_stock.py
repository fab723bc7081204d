"""What is cached in a directory that no mirror uses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mirror.commands.resting_stock import RestingStock
from mirror.config.settings import Settings
from mirror.errors import MirrorError
from tests.support.larder import BASE, filled


def at(root: Path, user: int | None = None) -> RestingStock:
    return RestingStock(
        Settings.model_validate({"storage": {"root": str(root)}}), os.geteuid() if user is None else user
    )


def test_a_directory_is_looked_into_and_changed(tmp_path: Path) -> None:
    filled(tmp_path, lambda larder: larder.image("library/ubuntu", "22.04", [BASE]))
    stock = at(tmp_path)
    assert stock.images({"pattern": "ubuntu"})["total"] == 1
    assert stock.pin("ubuntu:22.04")["images"] == 1
    with pytest.raises(MirrorError, match="pinned"):
        stock.remove("ubuntu:22.04")
    stock.unpin("ubuntu:22.04")
    assert stock.remove("ubuntu:22.04")["images"]
    assert stock.images({})["total"] == 0
    assert stock.usage()["size"] == 0


def test_nothing_is_changed_as_another_user(tmp_path: Path) -> None:
    filled(tmp_path, lambda larder: larder.image("library/ubuntu", "22.04", [BASE]))
    stock = at(tmp_path, os.geteuid() + 1)
    assert stock.images({})["total"] == 1
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(MirrorError, match="belongs to another user"):
        stock.remove("ubuntu:22.04")
    assert sorted(tmp_path.rglob("*")) == before
