"""Who is asked about tags: the mirror at a URL, the one that runs, or the directory of one that does not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mirror.commands.admin_client import AdminClient
from mirror.commands.tag_asking import RestingTags, RunningTags, chosen_tags
from mirror.config.settings import Settings
from mirror.errors import MirrorError
from tests.support.tagged import IMAGE, tagged, without_ttl


def test_a_mirror_that_runs_and_one_that_rests_say_the_same(tmp_path: Path) -> None:
    with tagged(tmp_path, moves=2) as it:
        host, port = it.served.admin_address
        running = RunningTags(AdminClient(f"http://{host}:{port}"))
        told = (running.tags(IMAGE), running.history(IMAGE))
        assert chosen_tags(None, f"http://{host}:{port}")(lambda tags: tags.tags(IMAGE)) == told[0]
        settings = it.served.mirror.settings
    resting = RestingTags(settings, os.geteuid())
    assert (resting.tags(IMAGE), resting.history(IMAGE)) == told
    assert resting.pin(IMAGE, {"to": it.digests[0]})["given"] == it.digests[0]
    assert resting.roll_back(IMAGE, {"to": it.digests[1]})["given"] == it.digests[1]
    assert resting.unpin(IMAGE)["pinned"] is False


def test_another_user_s_directory_is_left_alone(tmp_path: Path) -> None:
    with tagged(tmp_path, moves=1) as it:
        settings = it.served.mirror.settings
    with pytest.raises(MirrorError, match="belongs to another user"):
        RestingTags(settings, os.geteuid() + 1).tags(IMAGE)


def test_what_is_no_cache_is_not_made_one(tmp_path: Path) -> None:
    settings = Settings.model_validate({"storage": {"root": str(tmp_path / "none")}, **without_ttl("")})
    with pytest.raises(MirrorError, match="is no cache"):
        RestingTags(settings, os.geteuid()).tags(IMAGE)
    assert not (tmp_path / "none").exists()
