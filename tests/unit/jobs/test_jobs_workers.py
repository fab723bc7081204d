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
from mirror.jobs.jobs import Jobs, Means, State
from mirror.pull.upstreams import Upstream
from mirror.upstream.login import Login
from mirror.upstream.registry import Registry
from mirror.upstream.transport import Transport
from tests.fakes.registry import Registry as Fake
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


async def test_a_job_of_another_worker_is_cancelled(tmp_path: Path) -> None:
    async with workers(tmp_path) as (registry, _, jobs):
        registry.push_image("a/b", "v1", [LARGE])
        gate = Gate()
        registry.fail(Fault(gate=gate), "GET", "/manifests/v1")
        job, _ = jobs[0].order(order("a/b:v1"))
        await gate.arrived.wait()
        assert not jobs[0].cancel_elsewhere(job.id)
        assert jobs[1].cancel_elsewhere(job.id)
        await jobs[0].wait(job)
        assert job.state is State.CANCELLED
        gate.open()
