"""The disk fails, the process dies or the power goes at every call that the store makes to it (S6)."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import sys
from pathlib import Path

import pytest

from mirror.errors import StoreFailed
from mirror.store.store import Store
from tests.support.caches import ENDLESS, content, descriptors, false_blobs, store_at, under_way
from tests.support.faulty_disk import DEATH, Fault, FaultyDisk, Killed, SyncingNothing, VolatileDisk
from tests.support.sweeps import DATA, DIGEST, OTHER, OTHER_DATA, WORKS, Sweep, Work, check, close_dead

EVERY_WORK = pytest.mark.parametrize("work", WORKS, ids=lambda work: work.name)

FAULTS = {
    "full": Fault(errno.ENOSPC),
    "full for good": Fault(errno.ENOSPC, lasting=True),
    "medium error": Fault(errno.EIO),
    "read-only from now on": Fault(errno.EROFS, lasting=True),
}


@EVERY_WORK
@pytest.mark.parametrize("fault", FAULTS)
async def test_an_error_at_any_call_is_got_over(tmp_path: Path, work: Work, fault: str) -> None:
    sweep = Sweep(work, tmp_path)
    for number in range(await sweep.count(FaultyDisk())):
        disk = FaultyDisk()
        with sweep.begin() as root:
            store = await sweep.strike(root, disk, number, FAULTS[fault])
            assert disk.fired
            assert false_blobs(root) == [] or work.spoil is not None
            disk.disarm()
            await store.put(OTHER, OTHER_DATA)  # the same process goes on as if nothing had been
            assert await content(store, OTHER) == OTHER_DATA
            if await content(store, DIGEST) is None:
                await store.put(DIGEST, DATA)
            assert await content(store, DIGEST) == DATA
            await store.aclose()
            await check(root)


@EVERY_WORK
async def test_death_at_any_call_leaves_the_whole_or_what_can_be_gone_on_with(tmp_path: Path, work: Work) -> None:
    sweep = Sweep(work, tmp_path)
    calls = await sweep.count(FaultyDisk())
    assert calls > 0
    for number in range(calls):
        disk = FaultyDisk()
        with sweep.begin() as root:
            store = await sweep.strike(root, disk, number, DEATH)
            assert disk.fired
            await close_dead(store)
            assert (root / "running").exists()  # it does not look like a tidy end
            await check(root)


@EVERY_WORK
@pytest.mark.parametrize("durable", [True, False], ids=["safe", "fast"])
async def test_a_power_failure_at_any_call_is_never_served(tmp_path: Path, work: Work, durable: bool) -> None:
    sweep = Sweep(work, tmp_path, durable)
    trial = VolatileDisk()
    calls = await sweep.count(trial)
    trial.close()
    for number in range(calls + 1):  # one more: it fails when all is done
        disk = VolatileDisk()
        with sweep.begin() as root:
            store = await sweep.strike(root, disk, number, DEATH)
            disk.arm(0, DEATH)  # the end of the store is no tidy one either
            await close_dead(store)
            disk.cut_power()
            if durable and work.spoil is None:
                assert false_blobs(root) == []
            await check(root, bytes_lost=True)


async def test_without_syncs_the_power_failure_shows(tmp_path: Path) -> None:
    """That the sweep above finds nothing is no accident: it does where the syncs do nothing."""
    sweep = Sweep(WORKS[0], tmp_path)
    trial, disk = SyncingNothing(), SyncingNothing()
    calls = await sweep.count(trial)
    trial.close()
    with sweep.begin() as root:
        store = await sweep.strike(root, disk, calls, DEATH)
        assert not disk.fired
        assert await content(store, DIGEST) == DATA
        disk.arm(0, DEATH)
        await close_dead(store)
        lost = [path for path in root.glob("blobs/*/*") if path.stat().st_size]
        disk.cut_power()
        assert lost
        assert false_blobs(root) or not lost[0].exists()


# opening and closing


async def test_an_error_at_any_call_of_opening_and_closing_is_got_over(tmp_path: Path) -> None:
    for number in range(1000):
        root, disk = tmp_path / f"{number}", FaultyDisk()
        disk.arm(number, Fault(errno.EIO))
        with contextlib.suppress(StoreFailed):
            store = await Store.open(root, ENDLESS, filesystem=disk)
            await store.aclose()
        assert descriptors(root) == []
        await check(root)
        if not disk.fired:
            break
    assert 10 < number < 1000


@pytest.mark.parametrize("power", [True, False], ids=["power failure", "death"])
async def test_death_at_any_call_of_opening_and_closing_is_got_over(tmp_path: Path, power: bool) -> None:
    for number in range(1000):
        root, disk = tmp_path / f"{number}", VolatileDisk()
        disk.arm(number, DEATH)
        with contextlib.suppress(Killed):
            store = await Store.open(root, ENDLESS, filesystem=disk)
            await store.aclose()
        if power:
            disk.cut_power()
        disk.close()
        assert descriptors(root) == []
        await check(root)
        if not disk.fired:
            break
    assert 10 < number < 1000


# real processes

DYING = """
import asyncio, os, signal, sys
from pathlib import Path
from mirror.store.store import Store
from tests.support.caches import ENDLESS
from tests.support.faulty_disk import Fault, FaultyDisk
from tests.support.sweeps import DATA, DIGEST

class RealDeath(Fault):
    def strike(self):
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    disk = FaultyDisk()
    store = await Store.open(Path(sys.argv[1]), ENDLESS, filesystem=disk)
    disk.arm(int(sys.argv[2]), RealDeath())
    await store.put(DIGEST, DATA)
    disk.disarm()
    await store.aclose()

asyncio.run(main())
"""


async def test_a_process_that_is_killed_at_any_call_of_a_put_leaves_the_whole_or_nothing(tmp_path: Path) -> None:
    for number in range(1000):
        root = tmp_path / f"{number}"
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", DYING, str(root), str(number))
        async with asyncio.timeout(60):
            status = await process.wait()
        assert status in (0, -signal.SIGKILL)
        assert (root / "running").exists() is (status != 0)
        await check(root)
        if status == 0:
            break
    assert 5 < number < 1000


async def test_what_a_killed_process_had_fetched_is_gone_on_with(tmp_path: Path) -> None:
    sweep = Sweep(next(work for work in WORKS if work.name == "fetch"), tmp_path)
    disk = FaultyDisk()
    await sweep.count(disk)
    with sweep.begin() as root:
        writes = [number for number, call in enumerate(disk.calls) if call == "write"]
        store = await sweep.strike(root, dying := FaultyDisk(), writes[-1], DEATH)
        assert dying.fired
        await close_dead(store)
        assert len(under_way(root)) == 3
        async with store_at(root) as again:
            ingest = await again.begin(DIGEST)
            assert (ingest.offset, ingest.total) == (2500, len(DATA))  # half of the last piece was written
            await again.drop(ingest)
        await check(root)
