"""Whose directory is looked into for tags, and which is none. What it answers, `test_tag_asking` compares."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mirror.commands.resting_tags import RestingTags
from mirror.config.settings import Settings
from mirror.errors import MirrorError
from tests.support.tagged import IMAGE, tagged, without_ttl


def test_another_user_s_directory_is_left_alone(tmp_path: Path) -> None:
    with tagged(tmp_path, moves=1) as it:
        settings = it.served.mirror.settings
    with pytest.raises(MirrorError, match="belongs to another user"):
        RestingTags(settings, os.geteuid() + 1).tags(IMAGE)


def test_what_is_no_cache_is_not_made_one(tmp_path: Path) -> None:
    settings = Settings.model_validate({"storage": {"root": str(tmp_path / "none")}, **without_ttl("")})
    with pytest.raises(MirrorError, match="is not a cache of this program"):
        RestingTags(settings, os.geteuid()).tags(IMAGE)
    assert not (tmp_path / "none").exists()
