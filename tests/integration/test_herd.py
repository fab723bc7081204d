"""A herd on one cold blob, through the program as it runs: one fetch, everybody streaming, and nobody in the way."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mirror.tasks import spawn
from tests.support.faults import Fault, Gate
from tests.support.footprint import peak, resident
from tests.support.herd import Visitor, patterned, until_over, visit
from tests.support.loops import LOOPS
from tests.support.measured import Row, note
from tests.support.program import Program
from tests.support.registry import FakeRegistry
from tests.support.tiers import count

MIB = 1024**2
SIZE = 256 * MIB
PIECE = 64 * 1024
PATIENCE = 90  # seconds for gigabytes on a machine that has other things to do


async def sip(visitor: Visitor, others: list[Visitor]) -> None:
    """Read slowly: one turn whenever another one has finished."""
    for other in others:
        await other.over.wait()
        await visitor.sip()


def told(memory: int) -> str:
    return f"{memory / MIB:.0f} MiB"


LIMITS = {"LIMITS__READ_TIMEOUT": "60s"}


@pytest.mark.parametrize("loop", LOOPS)
async def test_a_herd_of_32_is_one_fetch_and_disturbs_nobody(tmp_path: Path, loop: str) -> None:
    data = patterned(SIZE // MIB)
    gate = Gate(PIECE)
    async with FakeRegistry() as registry:
        digest = registry.push_blob("team/app", data)
        registry.fail(Fault(gate=gate), "GET", "/blobs/")
        with Program(tmp_path, registry.url, LIMITS, loop) as program:
            idle = resident(program.pid)
            path = f"/v2/team/app/blobs/{digest}"
            leaver = await visit(program.address, path, data)
            await gate.arrived.wait()
            herd = [leaver, *[await visit(program.address, path, data) for _ in range(31)]]

            # Every client has its first byte while the upstream is held after its first piece.
            gate.release()
            async with asyncio.timeout(PATIENCE):
                for visitor in herd:
                    await visitor.first.wait()
            assert registry.bytes_sent == PIECE
            assert not any(visitor.over.is_set() for visitor in herd)

            _, stalled, slow, *others = herd
            leaver.leave()
            stalled.pause()
            slow.pause()
            gate.open()
            sipping = spawn(sip(slow, others), "sipping")
            await until_over(others, PATIENCE)
            assert all(visitor.satisfied for visitor in others)
            assert stalled.got < SIZE  # it has held nobody up
            assert stalled.connected  # and nobody has let it go
            await sipping
            for visitor in (stalled, slow):
                visitor.resume()
            await until_over([stalled, slow], PATIENCE)
            assert stalled.satisfied
            assert slow.satisfied
            assert leaver.got < SIZE

            grown = peak(program.pid) - idle
            assert grown <= 64 * MIB
            note(Row("F16", "32 readers of 256 MiB, one of them stalled: memory above idle", "64 MiB", told(grown)))
            downloads, twice = registry.count("GET", "/blobs/"), registry.bytes_sent - SIZE
            note(Row("F5", f"32 clients at a cold blob of {SIZE // MIB} MiB ({loop}): downloads", "1", f"{downloads}"))
            disturbed = sum(not visitor.satisfied for visitor in (stalled, slow, *others))
            what = f"one leaves, one stalls, one dawdles ({loop}): disturbed; bytes sent twice"
            note(Row("F6", what, "0; 0", f"{disturbed}; {twice}"))
            assert [(seen.method, seen.sent) for seen in registry.requests] == [("GET", SIZE)]
            again = await visit(program.address, path, data)
            await until_over([again], PATIENCE)
            assert again.satisfied
            assert registry.count() == 1


async def test_a_herd_of_1000_is_one_fetch(tmp_path: Path) -> None:
    data = patterned(count(8, 256))
    gate = Gate(PIECE)
    async with FakeRegistry() as registry:
        digest = registry.push_blob("team/app", data)
        registry.fail(Fault(gate=gate), "GET", "/blobs/")
        with Program(tmp_path, registry.url, LIMITS) as program:
            idle = resident(program.pid)
            path = f"/v2/team/app/blobs/{digest}"
            herd = [await visit(program.address, path, data) for _ in range(1000)]
            await gate.arrived.wait()
            gate.open()
            await until_over(herd, count(PATIENCE, 20 * PATIENCE))
            assert sum(visitor.satisfied for visitor in herd) == 1000
            grown = peak(program.pid) - idle
            assert grown <= 300 * MIB
            assert [(seen.method, seen.sent) for seen in registry.requests] == [("GET", len(data))]
        what = f"1000 clients at a cold blob of {len(data) // MIB} MiB: downloads; memory above idle"
        note(Row("F5", what, "1; 300 MiB", f"{registry.count('GET', '/blobs/')}; {told(grown)}"))
