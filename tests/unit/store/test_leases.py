"""What one process at a time does for all: leases, which cost little, are waited for, and end with their holder."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from mirror.siblings import Alone
from mirror.store.filesystem import Filesystem
from mirror.store.layout import Layout
from mirror.store.leases import Leases
from mirror.store.tenancy import Tenancy
from mirror.tasks import end, spawn
from tests.support.checker import until
from tests.support.faulty_disk import Fault, FaultyDisk
from tests.support.siblings import Family

LONG = 30.0  # seconds, which nobody waits


async def _nothing() -> None:
    """There is nothing to be written."""


@asynccontextmanager
async def _leases(root: Path, count: int) -> AsyncIterator[tuple[Family, list[Leases]]]:
    family = Family(count)
    async with AsyncExitStack() as stack:
        found = []
        for member in family.members:
            layout = Layout(root, Filesystem(), Tenancy.of(member))
            stack.callback(layout.close)
            layout.begin("safe")
            layout.admit()
            found.append(Leases(layout, member, _nothing))
            stack.push_async_callback(found[-1].aclose)
        yield family, found


async def _held(leases: Leases, name: str, taken: asyncio.Event, over: asyncio.Event) -> bool:
    async with leases.hold(name, LONG) as waited:
        taken.set()
        await over.wait()
    return waited


async def test_another_process_waits_and_is_told(tmp_path: Path) -> None:
    async with _leases(tmp_path, 2) as (family, (one, two)):
        events = [asyncio.Event() for _ in range(4)]
        first = spawn(_held(one, "a", events[0], events[1]), "first")
        await events[0].wait()
        second = spawn(_held(two, "a", events[2], events[3]), "second")
        await until(lambda: "lease-wanted" in family.subjects())
        assert not events[2].is_set()
        events[1].set()
        await events[2].wait()
        events[3].set()
        assert [await first, await second] == [False, True]
        assert "lease-free" in family.subjects()


async def test_a_word_that_is_lost_costs_a_look(tmp_path: Path) -> None:
    async with _leases(tmp_path, 2) as (family, (one, two)):
        family.deaf = {"lease-wanted", "lease-free"}
        taken, over = asyncio.Event(), asyncio.Event()
        first = spawn(_held(one, "a", taken, over), "first")
        await taken.wait()
        second = spawn(_held(two, "a", asyncio.Event(), over), "second")
        await until(lambda: "lease-wanted" in family.subjects())
        over.set()
        assert [await first, await second] == [False, True]


async def test_other_names_are_other_leases(tmp_path: Path) -> None:
    async with _leases(tmp_path, 2) as (family, (one, two)):
        async with one.hold("a", LONG) as first, two.hold("b", LONG) as second:
            assert (first, second) == (False, False)
        assert family.told == []


async def test_one_process_does_not_wait_for_itself(tmp_path: Path) -> None:
    async with _leases(tmp_path, 2) as (_, (one, two)):
        async with one.hold("a", LONG) as first:
            async with one.hold("a", LONG) as second:
                assert (first, second) == (False, False)
            async with two.hold("a", 0.01) as third:  # the first one has it still
                assert third
        async with two.hold("a", LONG):
            pass


async def test_who_waits_too_long_goes_on_without_it(tmp_path: Path) -> None:
    async with _leases(tmp_path, 2) as (_, (one, two)), one.hold("a", LONG), two.hold("a", 0.01) as waited:
        assert waited


async def test_who_is_cancelled_while_waiting_has_nothing(tmp_path: Path) -> None:
    async with _leases(tmp_path, 2) as (_, (one, two)):
        async with one.hold("a", LONG):
            waiting = spawn(_held(two, "a", asyncio.Event(), asyncio.Event()), "waiting")
            await asyncio.sleep(0)
            await end(waiting)
        async with one.hold("a", LONG), two.hold("b", LONG) as waited:
            assert not waited


async def test_what_was_noted_is_written_before_others_have_the_lease(tmp_path: Path) -> None:
    async with _leases(tmp_path, 2) as (_, (one, two)):
        written, let = asyncio.Event(), asyncio.Event()

        async def flush() -> None:
            await let.wait()
            written.set()

        one._flush = flush
        async with one.hold("a", LONG):
            pass

        async def look() -> tuple[bool, bool]:
            async with two.hold("a", LONG) as waited:
                return waited, written.is_set()

        looking = spawn(look(), "looking")
        await asyncio.sleep(0)
        let.set()
        assert await looking == (True, True)


async def test_one_process_alone_has_no_file_for_it(tmp_path: Path) -> None:
    layout = Layout(tmp_path, Filesystem())
    leases = Leases(layout, Alone(), _nothing)
    async with leases.hold("a", LONG) as waited:
        assert not waited
    await leases.aclose()
    assert not (tmp_path / "leases").exists()
    layout.close()


async def test_who_had_no_file_for_it_at_first_has_one_when_the_directory_is_taken_anew(tmp_path: Path) -> None:
    disk = FaultyDisk()
    layout = Layout(tmp_path, disk, Tenancy.of(Family(2).members[0]))
    disk.arm(0, Fault(errno.EROFS, lasting=True))
    leases = Leases(layout, Family(2).members[0], _nothing)
    assert not leases.are_shared
    disk.disarm()
    leases.renew(layout)
    assert leases.are_shared
    await leases.aclose()
    layout.close()
