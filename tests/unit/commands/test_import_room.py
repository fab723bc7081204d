"""What an import needs, beside what is there: by a mirror that runs, by a directory, and by none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from shutil import disk_usage
from typing import Any

import pytest

from mirror.commands.import_room import Need, need
from mirror.config.settings import Settings
from mirror.errors import Code, Refused
from tests.support.larder import BASE, Larder, filled
from tests.support.mirror_thread import MirrorThread

LIMIT = 5_000_000
EVERYTHING = {"max_size": LIMIT, "min_free": 0}


def settings(root: Path, storage: Mapping[str, Any], listen: str = "127.0.0.1:1") -> Settings:
    return Settings.model_validate({"storage": {"root": root, **storage}, "admin": {"listen": listen}})


async def some(larder: Larder) -> int:
    await larder.image("team/app", "v1", [BASE])
    return larder.store.size


def test_what_is_there_counts(tmp_path: Path) -> None:
    stored = filled(tmp_path / "cache", some)
    ours = settings(tmp_path / "cache", EVERYTHING)
    assert stored > 0
    assert need(ours, 1) == Need(LIMIT - stored, 0, stored)
    assert need(ours, LIMIT - stored + 5) == Need(LIMIT - stored, 5, stored - 5)
    assert need(ours, LIMIT) == Need(LIMIT - stored, stored, 0)


def test_a_mirror_that_runs_knows_its_own_room(tmp_path: Path) -> None:
    with MirrorThread(tmp_path, lambda _: {"storage": EVERYTHING}) as served:
        host, port = served.admin_address
        ours = settings(tmp_path / "nowhere", {"max_size": "5MiB", "min_free": 0}, f"{host}:{port}")
        assert need(ours, LIMIT) == Need(LIMIT, 0, 0)


def test_a_cache_that_is_yet_to_be_made_is_not_made_for_that(tmp_path: Path) -> None:
    assert need(settings(tmp_path / "a" / "cache", EVERYTHING), LIMIT) == Need(LIMIT, 0, 0)
    assert not (tmp_path / "a").exists()


def test_what_cannot_have_room_whatever_goes_is_refused(tmp_path: Path) -> None:
    stored = filled(tmp_path / "cache", some)
    total = disk_usage(tmp_path).total
    with pytest.raises(Refused, match="make room there") as refused:
        need(settings(tmp_path / "cache", {"max_size": "100%", "min_free": f"{total - stored - 1}"}), 10**9)
    assert refused.value.code is Code.STORAGE


def test_it_is_said_in_words() -> None:
    assert str(Need(2048, 0, 7)) == "there is room for 2.0 KiB"
    assert str(Need(0, 2048, 7)) == (
        "at least 2.0 KiB of what is here would go for it, in the order that `mirror gc --dry-run --target 7` tells"
    )
