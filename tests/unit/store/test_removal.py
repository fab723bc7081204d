"""What was chosen goes, from the manifest down, but for what has been asked for since."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from mirror.errors import StoreFailed
from mirror.oci.digest import Digest
from mirror.siblings import Alone
from mirror.store.choice import Choice, Demand, Going, Why
from mirror.store.images import Images
from mirror.store.index import Member
from mirror.store.pull_notes import PullNotes
from mirror.store.readers import Readers
from mirror.store.removal import Removal
from tests.support.caches import path_of
from tests.support.faulty_disk import Fault, FaultyDisk
from tests.support.houses import House, house_at
from tests.support.siblings import Family
from tests.support.stocked import TYPE, UPSTREAM

ALL = Demand(1 << 40)


class Scene:
    """Images of one layer each, that were pulled one after the other."""

    def __init__(self, house: House, count: int, readers: Readers | None = None) -> None:
        self.house = house
        self.pulls = PullNotes(house.databases.write_index)
        self.readers = readers or Readers(Alone())
        self.removal = Removal(house.databases, house.blobs, self.pulls, self.readers)
        self.busy: set[Digest] = set()
        self.removed: list[tuple[int, bool]] = []
        self.images = [self._image(number) for number in range(count)]

    def _image(self, number: int) -> list[Digest]:
        manifest, layer = self.house.put(2 * number, 2 * number + 1)
        self.house.databases.write_index.submit(lambda index: Images(index).note(str(manifest), [str(layer)]))
        self.house.databases.write_index.submit(lambda index: index.put_members([Member(*self.name(manifest), TYPE)]))
        self.pulls.pulled(self.name(manifest), float(number + 1))
        return [manifest, layer]

    def name(self, manifest: Digest) -> tuple[str, str, str]:
        return UPSTREAM, "app", str(manifest)

    async def choose(self, demand: Demand = ALL) -> Choice:
        return await self.removal.choose(demand, lambda: self.busy)

    async def carry_out(self, choice: Choice) -> list[Going]:
        return await self.removal.carry_out(choice.going, lambda: self.busy, lambda *one: self.removed.append(one))

    async def too_large(self) -> list[tuple[str, int]]:
        await self.house.databases.flush()
        return await self.removal.too_large(50, 200, lambda: self.busy)

    def there(self) -> list[list[bool]]:
        return [[path_of(self.house.root, one).exists() for one in image] for image in self.images]


async def test_images_go_whole_and_are_counted(tmp_path: Path) -> None:
    async with house_at(tmp_path) as house:
        scene = Scene(house, 2)
        await scene.carry_out(await scene.choose(Demand(1)))
        assert scene.there() == [[False, False], [True, True]]
        assert scene.removed == [(100, True), (100, True)]


async def test_what_is_being_fetched_or_read_is_not_chosen(tmp_path: Path) -> None:
    async with house_at(tmp_path) as house:
        scene = Scene(house, 3)
        scene.busy.add(scene.images[0][1])
        scene.readers.enter(scene.images[1][1])
        await scene.carry_out(await scene.choose())
        assert scene.there() == [[True, True], [True, True], [False, False]]


async def test_what_was_asked_for_since_it_was_chosen_stays_whole(tmp_path: Path) -> None:
    async with house_at(tmp_path) as house:
        scene = Scene(house, 4)
        choice = await scene.choose()
        scene.busy.add(scene.images[0][1])
        scene.readers.enter(scene.images[1][1])
        scene.pulls.pulled(scene.name(scene.images[2][0]), 99.0)
        assert await scene.carry_out(choice) == [choice.going[-1]]
        assert scene.there() == [[True, True], [True, True], [True, True], [False, False]]


async def test_what_was_pulled_or_pinned_since_it_was_chosen_stays_once_that_is_noted(tmp_path: Path) -> None:
    async with house_at(tmp_path) as house:
        scene = Scene(house, 3)
        choice = await scene.choose()
        scene.pulls.pulled(scene.name(scene.images[0][0]), 99.0)
        scene.pulls.flush()
        pinned = f"{UPSTREAM}/app@{scene.images[1][0]}"
        house.databases.write_index.submit(lambda index: Images(index).pin(pinned))
        await scene.carry_out(choice)
        assert scene.there() == [[True, True], [True, True], [False, False]]


async def test_what_an_image_needs_that_has_come_since_stays(tmp_path: Path) -> None:
    async with house_at(tmp_path) as house:
        scene = Scene(house, 2)
        choice = await scene.choose()
        (new,) = house.put(99)
        needed = str(scene.images[0][1])
        house.databases.write_index.submit(lambda index: Images(index).note(str(new), [needed]))
        await scene.carry_out(choice)
        assert scene.there()[0][1]
        assert scene.there()[1] == [False, False]


async def test_what_an_image_needs_stays_with_it_when_it_is_asked_for_after_both_were_chosen(tmp_path: Path) -> None:
    async with house_at(tmp_path) as house:
        scene = Scene(house, 2)
        shared = str(scene.images[1][1])
        first = scene.images[0][0]
        house.databases.write_index.submit(lambda index: Images(index).note(str(first), [shared]))
        choice = await scene.choose()
        scene.readers.enter(first)
        await scene.carry_out(choice)
        assert scene.there() == [[True, True], [True, True]]


async def test_content_of_several_images_goes_once_all_were_chosen(tmp_path: Path) -> None:
    async with house_at(tmp_path) as house:
        scene = Scene(house, 1)
        scene.pulls.pulled((UPSTREAM, "other", str(scene.images[0][0])), 50.0)
        await scene.carry_out(await scene.choose())
        assert scene.there() == [[False, False]]


async def test_an_image_whose_upstream_cannot_be_asked_is_known_as_such(tmp_path: Path) -> None:
    async with house_at(tmp_path) as house:
        scene = Scene(house, 1)
        asked: list[str] = []

        def unreachable(name: str) -> bool:
            asked.append(name)
            return True

        scene.removal.unreachable = unreachable
        choice = await scene.choose()
        assert choice.going == ()
        assert [one.why for one in choice.staying] == [Why.UNREACHABLE]
        assert asked == [UPSTREAM]


async def test_what_a_sibling_reads_is_neither_chosen_nor_let_go_of(tmp_path: Path) -> None:
    here, there = (Readers(member) for member in Family(2).members)
    async with house_at(tmp_path) as house:
        scene = Scene(house, 3, here)
        there.enter(scene.images[0][1])
        choice = await scene.choose()
        assert [one.digest for one in choice.staying] == [str(scene.images[0][0])]
        there.enter(scene.images[1][1])
        await scene.carry_out(choice)
        assert scene.there() == [[True, True], [True, True], [False, False]]


async def test_as_much_goes_as_has_to_though_some_of_what_was_chosen_stays(tmp_path: Path) -> None:
    async with house_at(tmp_path) as house:
        scene = Scene(house, 3)
        read = scene.images[0][1]

        asked = iter([set[Digest](), {read}, {read}])  # as soon as it was chosen
        choice = await scene.removal.let_go(Demand(200), lambda: next(asked), lambda *one: scene.removed.append(one))
        assert scene.there() == [[True, True], [False, False], [True, True]]
        assert (choice.bytes, choice.lacking) == (200, 0)
        assert [one.digest for one in choice.staying] == [str(scene.images[0][0])]


async def test_what_stays_takes_what_it_shares_out_of_what_goes_in_its_place(tmp_path: Path) -> None:
    async with house_at(tmp_path) as house:
        scene = Scene(house, 2)
        (first, shared), (last, own) = scene.images
        house.databases.write_index.submit(lambda index: Images(index).note(str(last), [str(shared)]))
        scene.pulls.pulled(scene.name(last), 1e9)
        asked = iter([set[Digest]()])  # from then on, as soon as it was chosen, the first image is
        choice = await scene.removal.let_go(
            Demand(50), lambda: next(asked, {first}), lambda *one: scene.removed.append(one)
        )
        assert [one.parts for one in choice.going] == [((str(last), 100), (str(own), 100))]
        assert [one.digest for one in choice.staying] == [str(first)]
        assert (scene.there(), choice.lacking) == ([[True, True], [False, False]], 0)


async def test_what_is_too_large_stays_while_it_is_in_use_or_could_not_be_had_again(tmp_path: Path) -> None:
    async with house_at(tmp_path) as house:
        scene = Scene(house, 0)
        digests = house.put(1, 2, 3) + house.put(4, size=300)
        house.databases.write_index.submit(
            lambda index: index.put_members([Member(UPSTREAM, "app", str(digests[number])) for number in (2, 3)])
        )
        scene.busy.add(digests[0])
        assert {name for name, _ in await scene.too_large()} == {str(one) for one in digests[1:]}
        scene.readers.enter(digests[1])
        assert [name for name, _ in await scene.too_large()] == [str(digests[number]) for number in (3, 2)]
        scene.removal.unreachable = lambda _: True
        assert await scene.too_large() == [(str(digests[3]), 300)]  # it cannot stay in any case


async def test_what_a_failing_disk_leaves_of_an_image_is_no_image(tmp_path: Path) -> None:
    disk = FaultyDisk()
    async with house_at(tmp_path, disk=disk) as house:
        scene = Scene(house, 1)
        choice = await scene.choose()
        disk.arm(1, Fault(errno.EIO))
        with pytest.raises(StoreFailed):
            await scene.carry_out(choice)
        assert disk.fired
        assert scene.there() == [[False, True]]
        (left,) = (await scene.choose()).going
        assert (left.why, left.parts) == (Why.LOOSE, ((str(scene.images[0][1]), 100),))
