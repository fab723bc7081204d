"""Whose cache is looked into for an explanation. What is said by it is in the test of `explain`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mirror.commands.resting_explanation import explained_at_rest
from mirror.config.settings import Settings
from tests.support.mirror_thread import MirrorThread


def test_a_cache_of_another_user_is_not_opened(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with MirrorThread(tmp_path) as served:
        settings = served.mirror.mirror.settings
    root = settings.storage.root
    before = sorted(root.rglob("*"))
    assert explained_at_rest(settings, "ubuntu", os.geteuid() + 1)["source"] == "configuration"
    assert "belongs to another user" in capfd.readouterr().err
    assert sorted(root.rglob("*")) == before
    assert explained_at_rest(settings, "ubuntu", os.geteuid())["source"] == "cache"


def test_a_cache_that_cannot_be_looked_at_leaves_the_configuration(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = Settings.model_validate({"storage": {"root": str(tmp_path / ("deep" * 100))}})
    assert explained_at_rest(settings, "ubuntu", os.geteuid())["source"] == "configuration"
    assert "be the mirror's user to have its cache looked at" in capfd.readouterr().err
