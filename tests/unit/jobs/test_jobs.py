"""Orders become jobs: one for equal ones, which goes on whoever watches, and ends when it is told to."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirror.errors import Code, Refused
from mirror.jobs.job import State
from tests.support.faults import Fault, Gate
from tests.support.orders import ALICE, APP, end_of, order, ordered


async def test_a_second_pull_joins_the_first(tmp_path: Path) -> None:
    async with ordered(tmp_path) as ours:
        ours.registry.push_image(APP, "v1", [b"a layer"])
        first, joined = ours.jobs.order(order())
        assert not joined
        again, joined = ours.jobs.order(order("app:v1"))
        assert (again, joined) == (first, True)
        for other in (order("app:v2"), order("app:v1", "linux/amd64/v1"), order(referrers=True)):
            assert ours.jobs.order(other)[1] is False
        await ours.jobs.wait(first)
        assert ours.registry.count("GET", "/manifests/v1") == 1
        assert ours.jobs.order(order())[1] is False


async def test_a_job_with_a_login_is_only_joined_with_the_same(tmp_path: Path) -> None:
    async with ordered(tmp_path) as ours:
        assert ours.jobs.order(order(), ALICE)[1] is False
        assert ours.jobs.order(order())[1] is False
        assert ours.jobs.order(order(), ALICE)[1] is True


async def test_somebody_who_waits_makes_a_quiet_job_urgent(tmp_path: Path) -> None:
    async with ordered(tmp_path) as ours:
        job, _ = ours.jobs.refresh(order())
        assert not job.urgent
        assert ours.jobs.order(order()) == (job, True)
        assert job.urgent
        ours.jobs.refresh(order())
        assert job.urgent


async def test_nothing_that_is_not_configured_is_dialled(tmp_path: Path) -> None:
    async with ordered(tmp_path, {"upstreams": {"docker.io": {"deny": ["secret/*"]}}}) as ours:
        for name, code in (("nowhere.test/a", Code.NAME_UNKNOWN), ("docker.io/secret/a", Code.DENIED)):
            with pytest.raises(Refused) as refusal:
                ours.jobs.order(order(name))
            assert refusal.value.code is code
        assert (list(ours.jobs), ours.registry.requests) == ([], [])


async def test_a_job_is_cancelled_and_what_it_has_begun_goes_on(tmp_path: Path) -> None:
    async with ordered(tmp_path) as ours:
        image = ours.registry.push_image(APP, "v1", [bytes(300_000)])
        gate = Gate()
        ours.registry.fail(Fault(gate=gate), "GET", str(image.layer_digests[0]))
        job, _ = ours.jobs.order(order())
        await gate.arrived.wait()
        await ours.jobs.cancel(job)
        assert (job.state, job.board.closed, end_of(job)["state"]) == (State.CANCELLED, True, "cancelled")
        gate.open()
        await ours.settled()
        assert ours.mirror.mirror.store.blobs.knows(image.layer_digests[0])
        await ours.jobs.cancel(job)  # twice is as good as once


async def test_one_that_is_cancelled_before_its_first_step_has_ended(tmp_path: Path) -> None:
    async with ordered(tmp_path) as ours:
        job, _ = ours.jobs.order(order())
        await ours.jobs.cancel(job)
        assert (job.state, job.board.closed) == (State.CANCELLED, True)
        assert ours.registry.requests == []


async def test_jobs_are_found_by_their_ids_and_forgotten_in_the_end(tmp_path: Path) -> None:
    async with ordered(tmp_path) as ours:
        first = await ours.pulled(order("app:none"))
        assert (ours.jobs.find(first.id), first.state) == (first, State.FAILED)
        for number in range(100):
            job, _ = ours.jobs.order(order(f"app:{number}"))
            await ours.jobs.cancel(job)
        assert len(list(ours.jobs)) == 100
        with pytest.raises(Refused) as refusal:
            ours.jobs.find(first.id)
        assert refusal.value.code is Code.NOT_FOUND


async def test_of_jobs_that_had_very_much_to_tell_fewer_are_remembered(tmp_path: Path) -> None:
    async with ordered(tmp_path) as ours:
        for number in range(6):
            job, _ = ours.jobs.order(order(f"app:{number}"))
            for line in range(20_000):
                job.board.write(str(line))
            await ours.jobs.cancel(job)
        assert [one.order.image.reference for one in ours.jobs] == ["4", "5"]


async def test_too_many_at_a_time_are_refused(tmp_path: Path) -> None:
    async with ordered(tmp_path) as ours:
        for number in range(64):
            ours.jobs.order(order(f"app:{number}"))
        with pytest.raises(Refused) as refusal:
            ours.jobs.order(order("app:more"))
        assert refusal.value.code is Code.BUSY
        await ours.jobs.aclose()
        assert {job.state for job in ours.jobs} == {State.CANCELLED}


async def test_a_pull_counts_as_one_and_a_refresh_that_finds_all_does_not(tmp_path: Path) -> None:
    async with ordered(tmp_path) as ours:
        image = ours.registry.push_image(APP, "v1", [b"a layer"])
        quiet, _ = ours.jobs.refresh(order())
        await ours.jobs.wait(quiet)
        images = ours.mirror.mirror.store.images
        (first,) = await images.list()
        assert (first.digest, first.tags, first.missing) == (str(image.digest), ("v1",), 0)
        again, _ = ours.jobs.refresh(order())
        await ours.jobs.wait(again)
        assert (await images.list())[0].last_pull == first.last_pull
        await ours.pulled(order())
        assert (await images.list())[0].last_pull > first.last_pull
