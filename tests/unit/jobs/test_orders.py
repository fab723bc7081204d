"""The operator's pulls begin and end with the mirror."""

from __future__ import annotations

from pathlib import Path

from mirror.jobs.job import State
from tests.support.faults import Fault, Gate
from tests.support.orders import APP, order, ordered


async def test_images_of_the_configuration_are_kept_ready_and_broken_off_at_the_end(tmp_path: Path) -> None:
    async with ordered(tmp_path, {"images": ["docker.io/app:v1", "docker.io/app:v2"]}) as ours:
        orders = ours.mirror.mirror.orders
        assert await orders.warming.orders() == [order("docker.io/app:v1"), order("docker.io/app:v2")]
        ours.registry.push_image(APP, "v3", [b"a layer"])
        gate = Gate()
        ours.registry.fail(Fault(gate=gate), "GET", "/manifests/v3")
        job, _ = ours.jobs.order(order("docker.io/app:v3"))
        await gate.arrived.wait()
    assert job.state is State.CANCELLED


async def test_closing_twice_is_as_good_as_once(tmp_path: Path) -> None:
    async with ordered(tmp_path) as ours:
        await ours.mirror.mirror.orders.aclose()
        await ours.mirror.mirror.orders.aclose()
