"""A whole mirror is killed at any time under load, started over what it left, and has everything right (F1, F19)."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from mirror.oci.digest import Digest
from mirror.store.leftovers import clear_ingests
from mirror.tasks import end, spawn
from tests.support.caches import false_blobs, layout_at, under_way
from tests.support.measured import Row, counting, note
from tests.support.program import Program
from tests.support.registry import FakeRegistry
from tests.support.surface import noise
from tests.support.tiers import count

KILLS = count(10, 500)
SEED = 20_240_229
LONGEST = 0.4  # seconds of load before a kill
CLIENTS = 6
REPOSITORY = "team/app"
# More content than the cache may hold, so that there is eviction as well.
SETTINGS = {"STORAGE__MAX_SIZE": "4MiB", "LOG__ACCESS": "false"}
LAYERS = [[noise(f"{image}", 1500), noise(f"{image}a", 300_000), noise(f"{image}b", 700_000)] for image in range(6)]

CONTENT = {str(Digest.of(layer)): layer for layers in LAYERS for layer in layers}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A path, and the digest of what is there."""

    path: str
    digest: Digest


class Load:
    """Clients of a mirror that may be gone at any time. `wrong`: paths whose whole answer was not what it should be."""

    def __init__(self, wanted: Sequence[Wanted], chance: random.Random) -> None:
        self.wanted = wanted
        self._chance = chance
        self.whole = 0
        self.wrong: list[str] = []

    async def ask(self, url: str, session: aiohttp.ClientSession, wanted: Wanted) -> bool:
        """Whether the answer was whole."""
        try:
            async with session.get(url + wanted.path) as response:
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError):
            return False
        if response.status != 200:
            return False
        self.whole += 1
        if not wanted.digest.verifies(body):
            self.wrong.append(wanted.path)
        return True

    async def go_on(self, url: str, session: aiohttp.ClientSession) -> None:
        """Ask for one after the other, until cancelled or nobody answers."""
        while await self.ask(url, session, self._chance.choice(self.wanted)):
            pass


@contextlib.asynccontextmanager
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(auto_decompress=False, timeout=timeout) as opened:
        yield opened


def wanted_of(registry: FakeRegistry) -> list[Wanted]:
    found = []
    for number, layers in enumerate(LAYERS):
        image = registry.push_image(REPOSITORY, f"v{number}", layers)
        found.append(Wanted(f"/v2/{REPOSITORY}/manifests/v{number}", image.digest))
        blobs = [image.config_digest, *image.layer_digests]
        found += [Wanted(f"/v2/{REPOSITORY}/blobs/{digest}", digest) for digest in blobs]
    return found


@pytest.mark.timeout(60 + 6 * KILLS)
async def test_killed_at_any_time_under_load_it_starts_and_has_everything_right(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    root = tmp_path / "cache"
    async with FakeRegistry() as registry:
        load = Load(wanted_of(registry), chance)
        with Program(tmp_path, registry.url, SETTINGS) as program:
            with counting("F1", "kill -9 under load: something corrupt or stuck") as tries:
                for _ in range(KILLS):
                    tries.begin()
                    await _killed_under_load(program, load, chance)
                    assert false_blobs(root) == []
                    assert load.wrong == []
                    await asyncio.to_thread(program.start)
            await _everything(program, load)
            program.signal(signal.SIGTERM)
            assert await asyncio.to_thread(program.ended) == 0
    assert load.whole >= len(load.wanted)
    assert (load.wrong, false_blobs(root)) == ([], [])
    assert list((root / "quarantine").iterdir()) == []
    with layout_at(root) as layout:
        clear_ingests(layout, time.time() + 120)
    useless = set(under_way(root)) - set(parts_that_can_be_gone_on_with(root))
    what = f"after {KILLS} kills under load: pulls of {load.whole} that were not right; left over and of no use"
    note(Row("F19", what, "0; 0", f"{len(load.wrong)}; {len(useless)}"))
    assert useless == set()


def parts_that_can_be_gone_on_with(root: Path) -> list[str]:
    """Of a fetch that the end came upon: the true beginning of a layer, with what was noted of it (S6)."""
    found = []
    for part in root.glob("ingest/*"):
        digest = Digest(*part.name.split("-", 1))
        data, notes = part / "data", [path for path in part.iterdir() if path.name == "total"]
        if data.exists() and CONTENT[str(digest)].startswith(data.read_bytes()):
            found += [part, data, *notes]
    return sorted(str(path.relative_to(root / "ingest")) for path in found)


def _url(program: Program) -> str:
    host, port = program.address
    return f"http://{host}:{port}"


async def _killed_under_load(program: Program, load: Load, chance: random.Random) -> None:
    async with session() as clients:
        tasks = [spawn(load.go_on(_url(program), clients), f"client {number}") for number in range(CLIENTS)]
        await asyncio.sleep(chance.uniform(0.0, LONGEST))  # at any time
        program.signal(signal.SIGKILL)
        assert await asyncio.to_thread(program.ended) == -signal.SIGKILL
        await end(*tasks)


async def _everything(program: Program, load: Load) -> None:
    async with session() as clients:
        for wanted in load.wanted:
            assert await load.ask(_url(program), clients, wanted)
