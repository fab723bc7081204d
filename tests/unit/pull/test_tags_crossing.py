"""Tags: a GET and a HEAD of one tag may be under way at once, and the slower one undoes nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from mirror.errors import Absent, UpstreamError
from mirror.outcome import Outcome
from mirror.pull.freshness import Policy
from mirror.pull.manifests import Question
from mirror.store.catalog import Key, TagRecord
from mirror.tasks import spawn
from tests.support.faults import Fault
from tests.support.scenes import MINUTE, POLICY, scene


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


async def test_a_late_failure_does_not_bring_back_what_is_gone(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.get()
        it.clock.advance(5 * MINUTE)
        it.move()
        body, late = asyncio.Event(), asyncio.Event()
        it.registry.fail(Fault(status=404, hold=body), "GET", "/manifests/")
        getting = spawn(it.get(), "get")
        await it.registry.arrived("GET", "/manifests/", times=2)
        it.registry.fail(Fault(status=503, hold=late), "HEAD", times=None)
        heading = spawn(it.head(), "head")
        await it.registry.arrived("HEAD", "/manifests/", times=2)
        body.set()
        with pytest.raises(Absent):
            await getting
        late.set()
        with pytest.raises(UpstreamError):
            await heading
        with pytest.raises(Absent):
            await it.get()


@pytest.mark.parametrize("policy", [POLICY, replace(POLICY, serves_deleted=True)], ids=["forgets", "serves"])
async def test_a_late_absence_does_not_undo_what_was_found_since(tmp_path: Path, policy: Policy) -> None:
    async with scene(tmp_path, policy) as it:
        await it.get()
        it.clock.advance(5 * MINUTE)
        late = asyncio.Event()
        it.registry.fail(Fault(status=404, hold=late), "HEAD")
        it.registry.fail(Fault(status=404), "GET", "/manifests/")
        heading = spawn(it.head(), "head")
        await it.registry.arrived("HEAD", "/manifests/")
        it.clock.advance(1)
        moved = it.move()
        question = Question(it.pull.target(), moved.digest)
        it.registry.heal()
        await it.pull.manifests.find(question)
        it.pull.store.facts.put_tag(Key("tag", "one", "a/b", "latest"), TagRecord(str(moved.digest), it.clock()), 3600)
        it.registry.fail(Fault(status=404), "GET", "/manifests/")
        late.set()
        found = await heading
        assert (found.manifest.digest, found.answer.warning) == (moved.digest, None)
        assert (await it.get()).manifest.digest == moved.digest
