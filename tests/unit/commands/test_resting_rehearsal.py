"""A rehearsal over a directory that no mirror uses: it asks nobody, and evicts nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mirror.commands.rehearsing import Document
from mirror.commands.resting_rehearsal import resting
from mirror.config.settings import Settings
from mirror.errors import MirrorError, StoreBusy
from tests.support.caches import published
from tests.support.larder import BASE, OWN, Larder, larder


def settings_of(root: Path) -> Settings:
    storage = {"root": str(root), "max_size": "1KiB", "min_free": "0"}
    return Settings.model_validate({"storage": storage, "limits": {"manifest_size": "1KiB"}})


async def fill(made: Larder) -> None:
    await made.image("team/whole", "v1", [BASE, OWN])
    await made.image("team/broken", "v1", [BASE, b"missing"], missing=[b"missing"])


async def test_every_image_is_told_of_and_nothing_goes_however_small_the_cache_may_be(tmp_path: Path) -> None:
    async with larder(tmp_path) as made:
        await fill(made)
    before = published(tmp_path)
    heard: list[Document] = []
    await resting(settings_of(tmp_path), {"outage": 60}, heard.append, os.geteuid())
    assert [(one["image"], one["survives"]) for one in heard[:-1]] == [
        ("docker.io/team/broken:v1", False),
        ("docker.io/team/whole:v1", True),
    ]
    assert (heard[-1]["event"], heard[-1]["tight"]) == ("end", True)
    assert published(tmp_path) == before


async def test_a_directory_that_is_none_of_ours_is_not_made_one(tmp_path: Path) -> None:
    with pytest.raises(MirrorError, match="not a cache of this program"):
        await resting(settings_of(tmp_path / "none"), {}, print, os.geteuid())
    assert not (tmp_path / "none").exists()
    async with larder(tmp_path) as made:
        await fill(made)
        with pytest.raises(StoreBusy):
            await resting(settings_of(tmp_path), {}, print, os.geteuid())
    with pytest.raises(MirrorError, match="belongs to another user"):
        await resting(settings_of(tmp_path), {}, print, os.geteuid() + 1)
