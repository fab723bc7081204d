"""What has to go when the bounds are reached, and that nothing which fails there ends it."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest

from mirror.oci.digest import Digest
from mirror.store.eviction import Room
from mirror.store.filesystem import Filesystem
from mirror.store.images import Images
from mirror.store.index import GATHERED, Index, Member
from tests.support.caches import blob, path_of, room_of, under_way
from tests.support.faulty_disk import Fault, FaultyDisk
from tests.support.houses import House, house_at
from tests.support.stocked import TYPE, UPSTREAM


def _there(house: House, digests: list[Digest]) -> list[bool]:
    return [path_of(house.root, digest).exists() for digest in digests]


# the bounds


async def test_within_the_bounds_nothing_goes(tmp_path: Path) -> None:
    async with house_at(tmp_path, room_of(1000)) as house:
        digests = house.put(*range(10))
        assert await house.keeping.evict() == 0
        assert all(_there(house, digests))
        assert (house.keeping.size, house.keeping.evicted) == (1000, 0)


async def test_beyond_them_the_longest_unused_go_down_to_the_low_water_mark(tmp_path: Path) -> None:
    async with house_at(tmp_path, room_of(1000)) as house:
        digests = house.put(*range(11))
        assert await house.keeping.evict() == 200
        assert _there(house, digests) == [False] * 2 + [True] * 9
        assert (house.keeping.size, house.keeping.evicted) == (900, 200)
        await house.keeping.measure()
        assert house.keeping.size == 900
        assert await house.keeping.evict() == 0


async def test_what_was_just_used_stays(tmp_path: Path) -> None:
    async with house_at(tmp_path, room_of(1000)) as house:
        digests = house.put(*range(11))
        house.keeping.used(str(digests[0]), time.time())
        await house.keeping.evict()
        assert _there(house, digests) == [True] + [False] * 2 + [True] * 8


async def test_when_images_were_pulled_is_written_down_with_the_uses(tmp_path: Path) -> None:
    async with house_at(tmp_path) as house:
        (digest,) = house.put(1)
        for when in (1.0, 2.0):
            house.pulls.pulled((UPSTREAM, "app", str(digest)), when)
        house.keeping.note_uses()
        await house.databases.flush()
        (image,) = await house.databases.on_thread(lambda index, _: Images(index).list())
        assert image.last_pull == 2.0


async def test_what_is_being_fetched_or_pinned_stays(tmp_path: Path) -> None:
    async with house_at(tmp_path, room_of(1000)) as house:
        house.databases.write_index.submit(lambda index: index.set_stage(GATHERED))
        digests = house.put(*range(11))
        house.keeping.busy.add(digests[0])
        house.databases.write_index.submit(lambda index: Images(index).pin(str(digests[1])))
        await house.keeping.evict()
        assert _there(house, digests) == [True] * 2 + [False] * 2 + [True] * 7


async def test_where_nothing_may_go_nothing_goes(tmp_path: Path) -> None:
    async with house_at(tmp_path, room_of(100)) as house:
        digests = house.put(1, 2)
        house.keeping.busy.update(digests)
        assert await house.keeping.evict() == 0
        assert all(_there(house, digests))


async def test_what_is_gone_already_makes_nothing_else_go(tmp_path: Path) -> None:
    async with house_at(tmp_path, room_of(1000)) as house:
        digests = house.put(*range(11))
        for digest in digests[:3]:
            await house.blobs.delete(digest)  # as quarantine does it, without a word to anybody
        assert house.keeping.size == 1100
        assert await house.keeping.evict() == 0
        assert _there(house, digests) == [False] * 3 + [True] * 8


class Filling(Filesystem):
    """A disk of a size, that others fill as well."""

    def __init__(self, free: int) -> None:
        self.free = free

    def space(self, directory: int) -> tuple[int, int]:
        return 10_000, self.free

    def remove(self, name: str, parent: int) -> bool:
        self.free += self.status(name, parent).st_size if self.exists(name, parent) else 0
        return super().remove(name, parent)


async def test_a_disk_that_others_fill_is_made_room_on(tmp_path: Path) -> None:
    disk = Filling(free=900)
    async with house_at(
        tmp_path, Room(max_size=lambda total: total, min_free=lambda total: total // 10), disk
    ) as house:
        digests = house.put(*range(10))
        assert await house.keeping.evict() == 300
        assert disk.free == 1200
        assert _there(house, digests) == [False] * 3 + [True] * 7
        disk.free = 0
        assert await house.keeping.evict() == 700  # all there is, and then it is over
        assert house.keeping.limit == 10_000


async def test_a_blob_that_can_never_fit_goes_itself_and_no_other(tmp_path: Path) -> None:
    async with house_at(tmp_path, room_of(1000)) as house:
        small = house.put(*range(10))
        too_large = house.put(11, size=2000) + house.put(12, size=901)
        assert await house.keeping.evict() == 2901
        assert _there(house, small) == [True] * 10
        assert _there(house, too_large) == [False] * 2
        assert house.keeping.size == 1000


async def test_a_blob_that_just_fits_goes_in_its_turn(tmp_path: Path) -> None:
    async with house_at(tmp_path, room_of(1000)) as house:
        small = house.put(*range(2))
        large = house.put(11, size=900)
        assert await house.keeping.evict() == 200
        assert _there(house, small + large) == [False, False, True]


# parts


def _left(house: House, number: int, size: int) -> str:
    """A part of a blob that waits for its next try: so old that a higher number is the younger. Its place."""
    name = f"sha256-{blob(number)[0].encoded}"
    place = house.root / "ingest" / name
    place.mkdir()
    (place / "data").write_bytes(bytes(size))
    os.utime(place / "data", (number, number))
    return name


async def test_parts_count_and_go_first_the_oldest_first_and_no_more_than_needed(tmp_path: Path) -> None:
    async with house_at(tmp_path, room_of(1000)) as house:
        digests = house.put(*range(7))
        parts = [_left(house, number, 100) for number in (23, 21, 22)]
        assert await house.keeping.evict() == 0
        parts.append(_left(house, 24, 1))
        assert await house.keeping.evict() == 200
        assert all(_there(house, digests))
        assert {name for name in under_way(tmp_path) if "/" not in name} == {parts[0], parts[3]}
        assert (house.keeping.size, house.keeping.evicted) == (700, 200)


async def test_no_blob_goes_for_the_sake_of_a_part(tmp_path: Path) -> None:
    async with house_at(tmp_path, room_of(1000)) as house:
        digests = house.put(*range(10))
        _left(house, 21, 5000)
        assert await house.keeping.evict() == 5000
        assert all(_there(house, digests))
        assert under_way(tmp_path) == []


async def test_a_part_that_is_being_fetched_neither_counts_nor_goes(tmp_path: Path) -> None:
    async with house_at(tmp_path, room_of(1000)) as house:
        digests = house.put(*range(10))
        _left(house, 21, 5000)
        house.keeping.busy.add(blob(21)[0])
        assert await house.keeping.evict() == 0
        assert all(_there(house, digests))
        assert len(under_way(tmp_path)) == 2


# failures


async def test_an_eviction_that_fails_is_tried_again_with_another(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disk = FaultyDisk()
    async with house_at(tmp_path, room_of(1000), disk) as house:
        digests = house.put(*range(11))
        disk.arm(0, Fault(errno.EIO))
        assert await house.keeping.evict() == 0
        assert disk.fired
        assert "eviction left off" in caplog.text
        assert all(_there(house, digests))
        assert await house.keeping.evict() == 200
        assert _there(house, digests) == [True] + [False] * 2 + [True] * 8


async def test_a_read_only_disk_ends_nothing(tmp_path: Path) -> None:
    disk = FaultyDisk()
    async with house_at(tmp_path, room_of(100), disk) as house:
        house.put(1, 2)
        disk.arm(0, Fault(errno.EROFS, lasting=True))
        for _ in range(3):
            assert await house.keeping.evict() == 0
        assert disk.calls == ["remove"] * 3  # one try a round
        disk.disarm()
        assert await house.keeping.evict() == 200


async def test_a_row_that_no_file_can_belong_to_does_not_keep_others(tmp_path: Path) -> None:
    async with house_at(tmp_path, room_of(100)) as house:
        house.databases.write_index.submit(lambda index: index.find_blobs([("nonsense", 50, 0.0)]))
        house.put(1, 2)
        assert await house.keeping.evict() == 200


async def test_a_lost_index_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with house_at(tmp_path, room_of(1000)) as house:
        house.put(*range(11))
        house.databases.index.close()
        await house.databases.on_thread(lambda index, _: index.close())
        assert await house.keeping.evict() == 0
        assert "could not be brought within its bounds" in caplog.text
        await house.rounds.reconcile()
        await house.rounds.clear()
        assert "brought in line with the files" in caplog.text
        assert "the cache could not be measured" in caplog.text


# images


def _image(house: House, repository: str, manifest: int, layer: int, pulled: float) -> list[Digest]:
    """An image of one layer."""
    digests = house.put(manifest, layer)
    name = (UPSTREAM, repository, str(digests[0]))

    def note(index: Index) -> None:
        index.put_members([Member(*name, TYPE)])
        Images(index).note(str(digests[0]), [str(digests[1])])
        Images(index).note_pulls({name: pulled})

    house.databases.write_index.submit(note)
    return digests


async def test_whole_images_go_and_none_of_an_upstream_that_cannot_be_asked_but_by_need(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with house_at(tmp_path, room_of(500)) as house:
        images = [_image(house, f"app{number}", 2 * number, 2 * number + 1, float(number)) for number in range(3)]
        house.removal.unreachable = lambda _: True
        assert await house.keeping.evict() == 200  # as far as the bound demands, not down to the low-water mark
        assert "cannot be asked just now: nothing else was left" in caplog.text
        assert [_there(house, image) for image in images] == [[False] * 2, [True] * 2, [True] * 2]
        choice = await house.keeping.plan(0)
        assert (choice.going, choice.lacking) == ((), 400)
        house.removal.unreachable = lambda _: False
        assert (await house.keeping.plan(0)).bytes == 400


async def test_that_not_enough_can_go_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with house_at(tmp_path, room_of(150)) as house:
        _image(house, "app", 1, 2, 1.0)
        house.databases.write_index.submit(lambda index: Images(index).pin("*"))
        assert await house.keeping.evict() == 0
        assert "65 bytes more should go" in caplog.text


async def test_what_is_too_large_to_stay_stays_where_it_is_part_of_what_is_pinned(tmp_path: Path) -> None:
    async with house_at(tmp_path, room_of(100)) as house:
        image = _image(house, "app", 1, 2, 1.0)
        house.databases.write_index.submit(lambda index: Images(index).pin(f"{UPSTREAM}/app"))
        assert await house.keeping.evict() == 0
        assert all(_there(house, image))
        await house.databases.on_thread(lambda index, _: Images(index).unpin(f"{UPSTREAM}/app"))
        assert await house.keeping.evict() == 200


async def test_a_plan_changes_nothing_and_what_is_collected_is_what_was_planned(tmp_path: Path) -> None:
    async with house_at(tmp_path) as house:
        old, new = _image(house, "old", 1, 2, 1.0), _image(house, "new", 3, 4, 2.0)
        plan = await house.keeping.plan(250)
        assert all(_there(house, old + new))
        choice, gone = await house.keeping.collect(250)
        assert (choice.going, gone) == (plan.going, 200)
        assert _there(house, old + new) == [False] * 2 + [True] * 2
        assert house.keeping.size == 200


async def test_what_is_removed_by_name_is_counted_and_what_is_busy_stays(tmp_path: Path) -> None:
    async with house_at(tmp_path) as house:
        digests = house.put(1, 2, 3)
        house.keeping.busy.add(digests[0])
        assert await house.keeping.remove([(str(one), 100) for one in digests[:2]]) == 100
        assert _there(house, digests) == [True, False, True]
        assert house.keeping.size == 200
