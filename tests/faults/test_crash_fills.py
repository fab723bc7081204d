"""A mirror is killed with many downloads under way: it is ready at once, and nothing is in the way (F19)."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from mirror.oci.digest import Digest
from mirror.store.leftovers import clear_ingests
from tests.support.caches import bytes_under_way, false_blobs, layout_at, published, under_way
from tests.support.faults import Fault, Never
from tests.support.herd import until_over, visit
from tests.support.large_caches import filled
from tests.support.measured import Row, note
from tests.support.processes import wait_until
from tests.support.program import Program
from tests.support.registry import FakeRegistry
from tests.support.surface import REPOSITORY, noise
from tests.support.tiers import LONG, count

FILLS, FORGOTTEN = 50, 10  # of them, those that nobody asks for again
SIZE, HALF = 256 * 1024, 128 * 1024
ROWS = count(1000, 1_000_000)  # of the index, about blobs that are not there
BOUND = count(2, 5)  # seconds: the one with few rows, the other one with a million
PATIENCE = 60  # seconds
SETTINGS = {"LIMITS__FETCHES_PER_UPSTREAM": str(FILLS), "LOG__ACCESS": "false", "PREFETCH": "off"}
BLOBS = [noise(f"fill {number}", SIZE) for number in range(FILLS)]
DAY = 86400.0


async def ask_for(program: Program, blobs: Sequence[bytes]) -> None:
    """Each of them by a client of its own, all at once; all of it right."""
    path = f"/v2/{REPOSITORY}/blobs/"
    crowd = [await visit(program.address, f"{path}{Digest.of(blob)}", blob) for blob in blobs]
    await until_over(crowd, PATIENCE)
    assert all(visitor.satisfied for visitor in crowd)


async def killed_in_the_midst(program: Program, registry: FakeRegistry, root: Path) -> None:
    """End it while each of the downloads stands at its half."""
    registry.fail(Fault(stall_at=HALF, until=Never()), "GET", "/blobs/", times=FILLS)
    path = f"/v2/{REPOSITORY}/blobs/"
    crowd = [await visit(program.address, f"{path}{Digest.of(blob)}", blob) for blob in BLOBS]
    await asyncio.to_thread(wait_until, lambda: bytes_under_way(root) == FILLS * HALF, "half of each is there")
    program.signal(signal.SIGKILL)
    assert await asyncio.to_thread(program.ended) == -signal.SIGKILL
    await until_over(crowd, PATIENCE)
    assert not any(visitor.satisfied for visitor in crowd)


@pytest.mark.timeout(count(120, 600))
async def test_killed_with_many_downloads_under_way_it_is_ready_at_once_and_nothing_is_left(tmp_path: Path) -> None:
    root = tmp_path / "cache"
    await filled(root, 0, ROWS)
    async with FakeRegistry() as registry:
        for blob in BLOBS:
            registry.push_blob(REPOSITORY, blob)
        with Program(tmp_path, registry.url, SETTINGS) as program:
            await killed_in_the_midst(program, registry, root)
            began = time.monotonic()
            await asyncio.to_thread(program.start)
            took = time.monotonic() - began
            asked = BLOBS[FORGOTTEN:]
            await ask_for(program, asked)
            twice = registry.bytes_sent - FILLS * HALF - len(asked) * (SIZE - HALF)
            assert twice == 0
            await ask_for(program, asked)
            assert registry.count("GET", "/blobs/") == FILLS + len(asked)
            program.signal(signal.SIGTERM)
            assert await asyncio.to_thread(program.ended) == 0
    assert false_blobs(root) == []
    assert len(published(root)) == len(asked)
    with layout_at(root) as layout:
        clear_ingests(layout, time.time() + 120)
        parts = list(root.glob("ingest/*/data"))
        orphans = sum(part.read_bytes() not in {blob[:HALF] for blob in BLOBS[:FORGOTTEN]} for part in parts)
        note(
            Row(
                "F19",
                f"killed with {FILLS} downloads under way, {ROWS} rows: ready after",
                f"{BOUND} s",
                f"{took:.2f} s",
            )
        )
        what = "after that: bytes sent twice; left over that cannot be gone on with"
        note(Row("F19", what, "0; 0", f"{twice}; {orphans}"))
        assert (len(parts), orphans) == (FORGOTTEN, 0)
        clear_ingests(layout, time.time() + 8 * DAY)
    assert under_way(root) == []
    assert not LONG or took <= BOUND
