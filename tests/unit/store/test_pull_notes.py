"""Pulls are noted: the first of an image at once, the others together."""

from __future__ import annotations

from pathlib import Path

from mirror.store.images import Image, Images
from mirror.store.pull_notes import PullNotes
from tests.support.houses import House, house_at
from tests.support.stocked import UPSTREAM

MEASURED = "SELECT repository FROM images WHERE handicap IS NOT NULL"


async def _images(house: House) -> list[Image]:
    await house.databases.flush()
    return await house.databases.on_thread(lambda index, _: Images(index).list())


async def test_a_first_pull_is_noted_at_once_and_the_others_together(tmp_path: Path) -> None:
    async with house_at(tmp_path) as house:
        (digest,) = house.put(1)
        name = (UPSTREAM, "app", str(digest))
        notes = PullNotes(house.databases.write_index)
        notes.pulled(name, 1.0)
        assert not notes.is_waiting(name)
        assert [one.last_pull for one in await _images(house)] == [1.0]
        notes.pulled(name, 2.0)
        notes.pulled(name, 3.0)
        assert notes.is_waiting(name)
        assert [one.last_pull for one in await _images(house)] == [1.0]
        notes.flush()
        assert [one.last_pull for one in await _images(house)] == [3.0]


async def test_what_was_pulled_before_is_measured_with_the_next_pull(tmp_path: Path) -> None:
    async with house_at(tmp_path) as house:
        (digest,) = house.put(1)
        notes = PullNotes(house.databases.write_index)
        seen = []
        for repository in ("first", "second"):
            notes.pulled((UPSTREAM, repository, str(digest)), 1.0)
            await house.databases.flush()
            seen.append(await house.databases.on_thread(lambda index, _: [*index.read(MEASURED)]))
        assert seen == [[], [("first",)]]


async def test_the_next_pull_of_what_was_forgotten_is_its_first(tmp_path: Path) -> None:
    async with house_at(tmp_path) as house:
        name = (UPSTREAM, "app", "sha256:any")
        notes = PullNotes(house.databases.write_index)
        notes.pulled(name, 1.0)
        notes.forget(name)
        notes.pulled(name, 2.0)
        assert not notes.is_waiting(name)
        notes.flush()
