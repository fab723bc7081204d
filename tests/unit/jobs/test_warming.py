"""Images that are kept ready: at their times, within what a pull limit leaves, and whatever a list says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

from mirror.config.images import Kept, parse_kept
from mirror.jobs.job import State
from mirror.jobs.warming import Warming, World
from mirror.tasks import end, spawn
from tests.support.orders import APP, Ordered, end_of, order, ordered

NOON = datetime(2026, 3, 2, 12, 0)


class Night:
    """A clock that passes by sleeping; each sleep waits until the test lets it."""

    def __init__(self) -> None:
        self.now = NOON
        self.slept: asyncio.Queue[float] = asyncio.Queue()
        self._more: asyncio.Queue[None] = asyncio.Queue()

    async def sleep(self, seconds: float) -> None:
        self.slept.put_nowait(seconds)
        await self._more.get()
        self.now += timedelta(seconds=seconds)

    def go_on(self) -> None:
        self._more.put_nowait(None)

    @property
    def world(self) -> World:
        return World(lambda: self.now, self.sleep)


def warming(ours: Ordered, night: Night, *kept: object) -> Warming:
    parsed: list[Kept] = [parse_kept(one) for one in kept]
    return Warming(ours.jobs, ours.mirror.mirror.pulls.upstreams, parsed, night.world)


@asynccontextmanager
async def kept_ready(ours: Ordered, *kept: object) -> AsyncIterator[Night]:
    """These images, from noon on."""
    night = Night()
    task = spawn(warming(ours, night, *kept).run(), "warming")
    try:
        yield night
    finally:
        await end(task)


@asynccontextmanager
async def ready_at_half_past_twelve(root: Path) -> AsyncIterator[tuple[Ordered, Night]]:
    """An image that has been brought at the start, and is to be once more each day at that time."""
    async with ordered(root) as ours:
        ours.registry.push_image(APP, "v1", [b"a layer"])
        async with kept_ready(ours, {"image": "docker.io/app:v1", "schedule": "30 12 * * *"}) as night:
            assert await night.slept.get() == 1800
            yield ours, night


async def test_images_are_brought_at_the_start_and_at_their_times(tmp_path: Path) -> None:
    async with ready_at_half_past_twelve(tmp_path) as (ours, night):
        (job,) = ours.jobs
        assert (job.state, job.urgent, ours.registry.count("GET", "/blobs/")) == (State.DONE, False, 2)
        moved = ours.registry.push_image(APP, "v1", [b"another layer"])
        asyncio.get_running_loop().call_later(1.1, night.go_on)  # a tag is not asked for twice within a second
        assert await night.slept.get() == 3600.0  # a clock that is set is noticed
        assert ours.mirror.mirror.store.blobs.knows(moved.layer_digests[0])


async def test_a_clock_that_was_set_back_by_a_year_does_not_put_a_time_off_for_one(tmp_path: Path) -> None:
    async with ready_at_half_past_twelve(tmp_path) as (ours, night):
        night.now -= timedelta(days=365)
        night.go_on()  # it is half past twelve, a year ago
        assert await night.slept.get() == 3600.0
        night.now += timedelta(hours=22)
        night.go_on()  # half past eleven on the next day
        assert await night.slept.get() == 3600.0
        assert len(list(ours.jobs)) == 1
        night.go_on()
        assert await night.slept.get() == 3600.0
        assert len(list(ours.jobs)) == 2


async def test_the_end_of_summer_brings_nothing_twice(tmp_path: Path) -> None:
    async with ready_at_half_past_twelve(tmp_path) as (ours, night):
        night.go_on()  # half past twelve
        assert await night.slept.get() == 3600.0
        assert len(list(ours.jobs)) == 2
        night.now -= timedelta(hours=2)
        for _ in range(2):  # half past eleven, and half past twelve once more
            night.go_on()
            assert await night.slept.get() == 3600.0
        assert len(list(ours.jobs)) == 2


async def test_what_is_left_of_a_pull_limit_is_for_clients(tmp_path: Path) -> None:
    async with ordered(tmp_path) as ours:
        image = ours.registry.push_image(APP, "v1", [b"a layer"])
        ours.registry.push_image("library/other", "v1", [b"other"])
        ours.registry.headers = {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "5;w=21600"}
        await ours.mirror.get("/v2/library/other/manifests/v1")
        async with kept_ready(ours, "docker.io/app:v1") as night:
            assert await night.slept.get() == 300.0
            assert list(ours.jobs) == []
            ours.registry.headers = {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "90;w=21600"}
            await ours.mirror.get("/v2/library/other/manifests/none")
            night.go_on()
            await night.slept.get()
            assert ours.mirror.mirror.store.blobs.knows(image.layer_digests[0])


async def test_an_image_that_takes_more_than_is_left_is_gone_on_with_when_there_is_more(tmp_path: Path) -> None:
    async with ordered(tmp_path) as ours:
        images = [ours.registry.push_image(APP, None, [name]) for name in (b"for amd64", b"for arm64")]
        ours.registry.push_index(APP, "v1", images)
        ours.registry.headers = {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "5;w=21600"}
        async with kept_ready(ours, "docker.io/app:v1") as night:
            assert await night.slept.get() == 300.0
            (job,) = ours.jobs
            assert (job.state, end_of(job)["code"]) == (State.FAILED, "BUSY")
            assert ours.registry.count("GET", "/manifests/") == 1  # the index, whose answer has told what is left
            ours.registry.headers = {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "90;w=21600"}
            await ours.mirror.get(f"/v2/{APP}/manifests/none")
            night.go_on()
            await night.slept.get()
            assert all(ours.mirror.mirror.store.blobs.knows(image.layer_digests[0]) for image in images)
            assert list(ours.jobs)[-1].state is State.DONE


async def test_a_list_in_a_file_is_read_anew_each_time(tmp_path: Path) -> None:
    async with ordered(tmp_path) as ours:
        file = tmp_path / "images.txt"
        entry = {"file": str(file), "platforms": ["linux/arm64"]}
        ready = warming(ours, Night(), entry, "docker.io/app:v2")
        assert await ready.orders() == [order("docker.io/app:v2")]  # the file is not there
        await asyncio.to_thread(file.write_text, "docker.io/app:v1\nghcr.io/a/b:c linux/amd64\n")
        assert await ready.orders() == [
            order("docker.io/app:v1", "linux/arm64/v8"),
            order("ghcr.io/a/b:c", "linux/amd64/v1"),
            order("docker.io/app:v2"),
        ]
        await asyncio.to_thread(file.write_text, "NO LIST AT ALL\n")
        assert await ready.orders() == [order("docker.io/app:v2")]


async def test_what_cannot_be_pulled_keeps_nothing_else_from_being_brought(tmp_path: Path) -> None:
    async with ordered(tmp_path) as ours:
        image = ours.registry.push_image(APP, "v1", [b"a layer"])
        names = ["nowhere.test/a:b", "docker.io/none:v1", "docker.io/app:v1"]
        async with kept_ready(ours, *names) as night:
            await night.slept.get()
            assert ours.mirror.mirror.store.blobs.knows(image.layer_digests[0])
            assert [job.state for job in ours.jobs] == [State.FAILED, State.DONE]


async def test_without_images_there_is_nothing_to_do(tmp_path: Path) -> None:
    async with ordered(tmp_path) as ours:
        await warming(ours, Night()).run()
