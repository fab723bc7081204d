"""Jobs in one of several workers: what a lent login fetches there is given to no client of the others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from mirror.config import settings as configured
from mirror.config.lent import lent
from mirror.errors import Denied
from mirror.jobs.job import Job, State
from mirror.jobs.jobs import Jobs, Means
from mirror.pull.upstreams import Upstream
from mirror.upstream.login import Login
from mirror.upstream.registry import Registry
from mirror.upstream.transport import Transport
from tests.fakes.registry import Registry as Fake
from tests.support.checker import until
from tests.support.faults import Fault, Gate
from tests.support.orders import ALICE, order
from tests.support.pulling import LIMITS, Pulling, body
from tests.support.siblings import pulls

LARGE = bytes(range(256)) * 1200


def jobs_of(pulling: Pulling, url: str) -> Jobs:
    def lend(upstream: Upstream, login: Login, job: str) -> Upstream:
        own = configured.Upstream(endpoints=(url,), insecure=True)
        shown = lent(own, login.username, login.password)
        registry = Registry(upstream.name, shown, LIMITS, Transport(upstream.name, shown, LIMITS))
        return replace(upstream, registry=registry, lent_to=job)

    return Jobs(Means(pulling.pulls, pulling.store, lend))


@asynccontextmanager
async def workers(root: Path) -> AsyncIterator[tuple[Fake, list[Pulling], list[Jobs]]]:
    async with Fake() as registry, pulls(root, 2, one=registry.url) as (_, pullings):
        jobs = [jobs_of(pulling, registry.url) for pulling in pullings]
        try:
            yield registry, pullings, jobs
        finally:
            for one in jobs:
                await one.aclose()


async def test_what_a_lent_login_fetches_in_another_worker_is_given_to_nobody(tmp_path: Path) -> None:
    async with workers(tmp_path) as (registry, pullings, jobs):
        registry.require_basic(ALICE.username, ALICE.password)
        digest = registry.push_image("a/b", "v1", [LARGE]).layer_digests[0]
        gate = Gate()
        registry.fail(Fault(gate=gate), "GET", str(digest))
        job, _ = jobs[0].order(order("a/b:v1"), ALICE)
        await gate.arrived.wait()
        gate.release(2)
        with pytest.raises(Denied):
            await pullings[1].blobs.find(pullings[1].target(), digest)
        gate.open()
        await jobs[0].wait(job)
        assert job.state is State.DONE
        with pytest.raises(Denied):
            await pullings[1].blobs.find(pullings[1].target(), digest)


async def test_what_all_may_read_crosses_the_line_once_in_all_workers(tmp_path: Path) -> None:
    async with workers(tmp_path) as (registry, pullings, jobs):
        digest = registry.push_image("a/b", "v1", [LARGE]).layer_digests[0]
        gate = Gate()
        registry.fail(Fault(gate=gate), "GET", str(digest))
        ours = [one.order(order("a/b:v1"))[0] for one in jobs]
        await gate.arrived.wait()
        gate.open()
        for one, job in zip(jobs, ours, strict=True):
            await one.wait(job)
            assert job.state is State.DONE
        assert await body(await pullings[1].blobs.find(pullings[1].target(), digest)) == LARGE
        assert registry.count("GET", str(digest)) == 1


@asynccontextmanager
async def under_way(root: Path, login: Login | None = None) -> AsyncIterator[tuple[Fake, Gate, list[Jobs], Job]]:
    """Two workers, of which the first one has a job that waits for the gate, and the other one has heard of it."""
    async with workers(root) as (registry, _, jobs):
        digest = registry.push_image("a/b", "v1", [LARGE, b"small"]).layer_digests[0]
        gate = Gate()
        registry.fail(Fault(gate=gate), "GET", str(digest))
        job, _ = jobs[0].order(order("a/b:v1"), login)
        await gate.arrived.wait()
        yield registry, gate, jobs, job
        gate.open()


@pytest.mark.parametrize("login", [None, ALICE], ids=["no login", "a lent login"])
async def test_a_second_pull_in_another_worker_joins_the_first(tmp_path: Path, login: Login | None) -> None:
    async with under_way(tmp_path, login) as (registry, gate, jobs, job):
        other, joined = jobs[1].order(order("a/b:v1"), login)
        assert (other.id, other.image, joined) == (job.id, job.image, True)
        assert jobs[1].order(order("a/b:v1"), Login("bob", "canary-of-bob"))[1] is False
        assert [one.id for one in jobs[1]].count(job.id) == 1
        jobs[1].watch(other)
        gate.open()
        await jobs[1].wait(other)
        assert (other.state, job.state) == (State.DONE, State.DONE)
        assert [change.line for change in other.board.since(0)] == [change.line for change in job.board.since(0)]
        assert registry.count("GET", "/blobs/") == 3
        assert jobs[1].order(order("a/b:v1"), login)[1] is False  # that one is over


async def test_who_waits_in_another_worker_makes_a_quiet_job_urgent(tmp_path: Path) -> None:
    async with workers(tmp_path) as (registry, _, jobs):
        registry.push_image("a/b", "v1", [LARGE])
        gate = Gate()
        registry.fail(Fault(gate=gate), "GET", "/manifests/v1")
        job, _ = jobs[0].refresh(order("a/b:v1"))
        await gate.arrived.wait()
        assert not job.urgent
        assert jobs[1].refresh(order("a/b:v1"))[1]
        other, joined = jobs[1].order(order("a/b:v1"))
        assert (other.urgent, joined) == (True, True)
        await until(lambda: job.urgent)
        gate.open()


async def test_a_job_of_another_worker_is_found_and_cancelled(tmp_path: Path) -> None:
    async with under_way(tmp_path) as (_, _, jobs, job):
        other = jobs[1].find(job.id)
        await jobs[1].cancel(other)
        assert (other.state, job.state) == (State.CANCELLED, State.CANCELLED)
        assert other.board.since(0)[-1].line["error"] == "it was cancelled"
        await jobs[1].cancel(other)  # twice is as good as once
