"""Readers of one large blob that take it slowly or not at all: they cost memory for their connections, not for it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.support.faults import Fault, Gate
from tests.support.footprint import peak, resident
from tests.support.herd import patterned, until_over, visit
from tests.support.measured import Row, note
from tests.support.program import Program
from tests.support.registry import FakeRegistry
from tests.support.tiers import LONG, count

MIB = 1024**2
MEGABYTES = count(64, 1024)
PIECE = 64 * 1024
WINDOW = 64 * 1024  # so that what is not taken waits in the mirror, not in the kernel
SIPS = count(8, 64)
PATIENCE = count(90, 900)  # seconds
BOUNDS = {200: 150 * MIB, 1000: 300 * MIB}  # of memory above idle
# None of them is let go for being slow: what is measured is all of them at once.
PATIENT = {"LIMITS__READ_TIMEOUT": "60s", "LIMITS__CLIENT_STALL": "30m", "LIMITS__CLIENT_RATE": "0"}


async def all_sent(registry: FakeRegistry, size: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while registry.bytes_sent < size:  # noqa: ASYNC110  # it tells nobody
            await asyncio.sleep(0.02)


@pytest.mark.timeout(3 * PATIENCE)
@pytest.mark.parametrize("readers", BOUNDS if LONG else [200])
async def test_readers_that_are_slow_or_take_nothing_cost_little_memory(tmp_path: Path, readers: int) -> None:
    data = patterned(MEGABYTES)
    gate = Gate(PIECE)
    async with FakeRegistry() as registry:
        path = f"/v2/team/app/blobs/{registry.push_blob('team/app', data)}"
        registry.fail(Fault(gate=gate), "GET", "/blobs/")
        with Program(tmp_path, registry.url, PATIENT) as program:
            idle = resident(program.pid)
            crowd = [await visit(program.address, path, data, WINDOW) for _ in range(readers)]
            await gate.arrived.wait()
            gate.release()
            async with asyncio.timeout(PATIENCE):
                for reader in crowd:
                    await reader.first.wait()
            for reader in crowd:
                reader.pause()
            gate.open()
            await all_sent(registry, len(data))  # while nobody takes any of it
            stalled, slow = crowd[::2], crowd[1::2]
            for _ in range(SIPS):
                for reader in slow:
                    await reader.sip()
            fast = await visit(program.address, path, data)
            await until_over([fast], PATIENCE)
            assert fast.satisfied
            assert all(reader.connected and reader.got < len(data) for reader in crowd)
            assert sum(reader.got for reader in slow) > sum(reader.got for reader in stalled)
            for reader in (stalled[0], slow[0]):
                reader.resume()
            await until_over([stalled[0], slow[0]], PATIENCE)
            assert stalled[0].satisfied
            assert slow[0].satisfied
            grown = peak(program.pid) - idle
            for reader in crowd:
                reader.leave()
        # Over one connection, or over several when the first one seemed slow, but each byte once.
        assert registry.bytes_sent <= 1.01 * len(data)
    what = f"{readers} readers of {MEGABYTES} MiB, half of them stalled, half slow: memory above idle"
    note(Row("F16", what, f"{BOUNDS[readers] // MIB} MiB", f"{grown / MIB:.0f} MiB"))
    assert grown <= BOUNDS[readers]
