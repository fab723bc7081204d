"""Tags: a GET and a HEAD of one tag may be under way at once, and the slower one undoes nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mirror.outcome import Outcome
from mirror.tasks import spawn
from tests.support.faults import Fault
from tests.support.scenes import MINUTE, scene


@pytest.mark.parametrize("fault", [Fault(status=503), Fault(drop=True)], ids=["unavailable", "dropped"])
async def test_a_late_failure_does_not_bring_the_old_one_back(tmp_path: Path, fault: Fault) -> None:
    async with scene(tmp_path) as it:
        await it.get()
        it.clock.advance(5 * MINUTE)
        moved = it.move()
        body, late = asyncio.Event(), asyncio.Event()
        it.registry.fail(Fault(hold=body), "GET", "/manifests/")
        getting = spawn(it.get(), "get")
        await it.registry.arrived("GET", "/manifests/", times=2)
        for method in ("HEAD", "GET"):  # what a HEAD does not tell, a GET is asked for
            it.registry.fail(Fault(status=fault.status, drop=fault.drop, hold=late), method, "/manifests/", times=None)
        it.clock.advance(1)
        heading = spawn(it.head(), "head")
        await it.registry.arrived("HEAD", "/manifests/", times=2)
        body.set()
        assert (await getting).manifest.digest == moved.digest
        late.set()
        assert (await heading).manifest.digest == moved.digest
        again = await it.get()
        assert (again.manifest.digest, again.answer.outcome) == (moved.digest, Outcome.HIT)
