"""How much room what takes, as a document with its bounds."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mirror.errors import StoreFailed
from mirror.stock.accounts import accounts
from mirror.store.eviction import Room
from mirror.store.looking import Looking
from tests.support.larder import BASE, HUB, OTHER, TOP, Larder, filled

ROOM = Room(max_size=lambda total: total // 2, min_free=lambda _: 4096)


async def two(larder: Larder) -> None:
    await larder.image("team/app", "v1", [BASE, TOP])
    await larder.image("team/app", "v2", [BASE])
    await larder.image("owner/app", "v1", [BASE], upstream=OTHER)


def test_the_room_is_told_by_upstream_and_repository_and_within_its_bounds(tmp_path: Path) -> None:
    filled(tmp_path, two)
    with Looking(tmp_path) as looking:
        document = accounts(looking, tmp_path, ROOM)
        size = looking.index.size()
    hub, other = document["upstreams"]
    assert (hub["upstream"], hub["images"], other["upstream"], other["images"]) == (HUB, 2, OTHER, 1)
    assert hub["repositories"] == [
        {"repository": "team/app", **{key: hub[key] for key in ("images", "size", "unique", "shared")}}
    ]
    assert other["unique"] == 0
    assert hub["shared"] == other["size"]
    assert (document["images"], document["blobs"], document["size"], document["loose"]) == (3, 6, size, 0)
    assert hub["size"] == size
    assert document["limit"] == shutil.disk_usage(tmp_path).total // 2
    assert document["min_free"] == 4096
    assert document["free"] > 0


def test_a_disk_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    filled(tmp_path, two)
    with Looking(tmp_path) as looking, pytest.raises(StoreFailed, match="does not tell"):
        accounts(looking, tmp_path / "gone", ROOM)
