"""What an operator asks of a running store, and what it does when it is told to."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from mirror.errors import Refused
from mirror.oci.digest import Digest
from mirror.stock.listing import Wanted
from mirror.stock.premises import Premises
from mirror.stock.stock import Stock
from mirror.store.catalog import Key
from mirror.store.looking import Looking
from tests.support.checker import until
from tests.support.larder import BASE, HUB, OTHER, OWN, TOP, Larder, is_gathered, larder
from tests.support.siblings import stores

TAG = Key("tag", HUB, "team/app", "v1")

T = TypeVar("T")


class Halting(Premises):
    """Whoever has looked first is held up before it is told what there is."""

    has_looked = threading.Event()
    goes_on = threading.Event()

    def look(self, call: Callable[[Looking], T]) -> T:
        found = super().look(call)
        if not self.has_looked.is_set():
            self.has_looked.set()
            self.goes_on.wait(60)
        return found


async def test_what_is_pinned_while_it_is_being_removed_is_pinned_or_gone_and_never_both(tmp_path: Path) -> None:
    async with larder(tmp_path) as made:
        await made.image("team/app", "v1", [BASE, TOP])
        stock = Stock(made.store, Halting(made.premises.root, made.premises.room, made.premises.naming))
        removing = asyncio.create_task(stock.remove("team/app:v1"))
        await asyncio.to_thread(Halting.has_looked.wait, 60)
        pinning = asyncio.create_task(stock.pin("team/app:v1"))
        await asyncio.wait([pinning], timeout=0.3)
        Halting.goes_on.set()
        await removing
        assert (await pinning)["images"] == (await made.stock.images(Wanted()))["total"]


async def test_what_was_noted_a_moment_ago_is_on_the_list(tmp_path: Path) -> None:
    async with larder(tmp_path) as made:
        assert (await made.stock.images(Wanted()))["total"] == 0
        image = await made.image("team/app", "v1", [BASE, TOP])
        (entry,) = (await made.stock.images(Wanted()))["images"]
        assert entry["digest"] == str(image.digest)
        assert (await made.stock.image("team/app:v1"))["image"] == "docker.io/team/app:v1"
        assert (await made.stock.usage())["images"] == 1


async def test_a_removal_that_is_only_planned_changes_nothing(tmp_path: Path) -> None:
    async with larder(tmp_path) as made:
        await made.image("team/app", "v1", [BASE, TOP])
        before = await made.stock.usage()
        planned = await made.stock.removal("team/app:v1")
        assert (planned["dry_run"], planned["size"]) == (True, before["size"])
        after = await made.stock.usage()
        assert (after["size"], after["images"]) == (before["size"], 1)


async def test_an_image_goes_with_its_bytes_its_membership_and_its_tag(tmp_path: Path) -> None:
    async with larder(tmp_path) as made:
        await made.image("team/other", "v1", [BASE])
        image = await made.image("team/app", "v1", [BASE, TOP])
        before = (await made.stock.usage())["size"]
        removed = await made.stock.remove("team/app:v1")
        assert removed["dry_run"] is False
        assert (await made.stock.usage())["size"] == before - removed["size"]
        assert not await made.holds(image.digest)
        assert not await made.holds(Digest.of(TOP))
        assert await made.holds(Digest.of(BASE))
        facts = made.store.facts
        assert facts.tag(TAG) is None
        for digest in (image.digest, Digest.of(TOP), Digest.of(BASE)):
            assert facts.member(HUB, "team/app", str(digest)) is None
        assert facts.member(HUB, "team/other", str(Digest.of(BASE))) is not None
        assert [one["repository"] for one in (await made.stock.images(Wanted()))["images"]] == ["team/other"]


async def test_a_tag_that_is_not_the_only_one_goes_alone(tmp_path: Path) -> None:
    async with larder(tmp_path) as made:
        image = await made.image("team/app", "v1", [BASE])
        made.tag("team/app", "latest", image.digest)
        variant = Key("tag", HUB, "team/app", "v1", "0,2")
        made.store.facts.put_tag(variant, made.store.facts.tag(TAG) or pytest.fail("it has just been noted"), 60)
        removed = await made.stock.remove("team/app:v1")
        assert (removed["untagged"], removed["size"]) == (["docker.io/team/app:v1"], 0)
        assert (made.store.facts.tag(TAG), made.store.facts.tag(variant)) == (None, None)
        assert await made.holds(image.digest)
        (entry,) = (await made.stock.images(Wanted()))["images"]
        assert entry["tags"] == ["latest"]


async def test_of_a_repository_nothing_is_remembered_and_of_others_all(tmp_path: Path) -> None:
    async with larder(tmp_path) as made:
        for repository in ("team/app", "team/apple"):
            await made.image(repository, "v1", [BASE, repository.encode() * 100])
        facts = made.store.facts
        absences = [Key("absent", HUB, repository, "v9") for repository in ("team/app", "team/apple")]
        for key in absences:
            facts.put_absent(key, 60)
        await made.stock.remove("team/app")
        assert [facts.absent(key) for key in absences] == [False, True]
        assert facts.tag_names(HUB, "team/app") == []
        assert facts.tag(Key("tag", HUB, "team/apple", "v1")) is not None
        assert [name for name, _ in facts.repositories(HUB, "", 9)] == ["team/apple"]


async def test_a_registry_that_is_configured_no_longer_can_be_removed(tmp_path: Path) -> None:
    async with larder(tmp_path) as made:
        await made.image("owner/app", "v1", [OWN], upstream="gone.example")
        await made.image("owner/app", "v1", [TOP], upstream=OTHER)
        await made.stock.remove("gone.example")
        assert [one["upstream"] for one in (await made.stock.images(Wanted()))["images"]] == [OTHER]


async def test_what_is_open_stays_readable(tmp_path: Path) -> None:
    async with larder(tmp_path) as made:
        await made.image("team/app", "v1", [BASE])
        blob = await made.store.blobs.open(Digest.of(BASE))
        assert blob is not None
        with blob:
            await made.stock.remove("team/app")
            assert not await made.holds(Digest.of(BASE))
            assert os.pread(blob.descriptor, blob.size, 0) == BASE


async def test_a_pin_holds_until_it_is_let_go_of(tmp_path: Path) -> None:
    async with larder(tmp_path) as made:
        await made.image("team/app", "v1", [BASE])
        pin = await made.stock.pin("team/app:*")
        assert (pin["pin"], pin["images"]) == ("docker.io/team/app:*", 1)
        assert (await made.stock.pins())["pins"] == [pin]
        assert (await made.stock.images(Wanted(pinned=True)))["total"] == 1
        with pytest.raises(Refused):
            await made.stock.remove("team/app")
        assert await made.stock.unpin("team/app:*") == pin
        assert (await made.stock.pins())["pins"] == []
        assert (await made.stock.remove("team/app"))["images"]


async def test_what_one_process_removes_the_others_do_not_remember(tmp_path: Path) -> None:
    async with stores(tmp_path, 2) as (_, (one, two)):
        await until(lambda: is_gathered(tmp_path))
        made = Larder(one, tmp_path)
        image = await made.image("team/app", "v1", [BASE])
        member = (HUB, "team/app", str(image.digest))
        heard: list[Key | None] = []
        two.facts.watch(heard.append)
        assert two.facts.tag(TAG) is not None
        assert two.facts.member(*member) is not None
        await Stock(one, made.premises).remove("team/app")
        await until(lambda: None in heard)  # who remembers anything of it forgets it
        assert two.facts.tag(TAG) is None
        assert two.facts.member(*member) is None
        assert await two.blobs.open(image.digest) is None
        assert await Stock(two, made.premises).images(Wanted()) == {"images": [], "total": 0}
