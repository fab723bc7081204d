"""The figures of all workers, by any of them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field

from structlog.testing import capture_logs

from mirror.metrics import Metrics
from mirror.tasks import end, spawn
from mirror.workers.figures import SharedFigures, bury, gathered
from mirror.workers.pages import HALF, Pages
from tests.support.figures import figure

FAILURES = {"where": "store"}


@dataclass
class Others:
    """Workers that do what is asked at once, each by its own work."""

    works: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    def answer(self, subject: str, work: Callable[[], Awaitable[None]]) -> None:
        assert subject
        self.works.append(work)

    async def ask(self, subject: str, patience: float) -> Collection[int]:
        assert subject
        assert 0 < patience <= 1
        for work in self.works:
            await work()
        return range(len(self.works))


@dataclass(frozen=True)
class Who:
    number: int
    incarnation: int


class Crew:
    """Two workers over the same pages."""

    def __init__(self) -> None:
        self.pages = Pages(3)
        self.others = Others()
        self.metrics: dict[int, Metrics] = {}
        self.incarnations = 0
        self.figures = [self.begin(number) for number in range(2)]

    def begin(self, number: int) -> SharedFigures:
        self.incarnations += 1
        self.metrics[number] = Metrics("1")
        return SharedFigures(self.metrics[number], self.pages, self.others, Who(number, self.incarnations))

    async def failures(self, number: int) -> float | None:
        return figure(await self.figures[number].render(), "mirror_integrity_failures_total", **FAILURES)


async def test_whoever_is_asked_tells_what_all_have_counted_just_now() -> None:
    crew = Crew()
    for times in range(1, 4):
        crew.metrics[0].corrupt("store")
        crew.metrics[1].corrupt("store")
        assert await crew.failures(0) == await crew.failures(1) == 2 * times


async def test_what_a_dead_worker_has_counted_stays_in_the_sums() -> None:
    crew = Crew()
    for incarnation in (1, 3, 4):
        crew.metrics[0].corrupt("store")
        await crew.figures[0].publish()
        del crew.others.works[0 if incarnation == 1 else -1]
        assert await crew.failures(1) == {1: 1, 3: 2, 4: 3}[incarnation]
        bury(crew.pages, 0, incarnation)
        assert await crew.failures(1) == {1: 1, 3: 2, 4: 3}[incarnation]
        crew.figures[0] = crew.begin(0)
        assert await crew.failures(1) == {1: 1, 3: 2, 4: 3}[incarnation]


async def test_one_that_has_written_nothing_leaves_nothing() -> None:
    crew = Crew()
    crew.metrics[0].corrupt("store")
    await crew.figures[0].publish()
    bury(crew.pages, 0, 1)
    bury(crew.pages, 0, 3)  # its successor, which has died before it wrote
    bury(crew.pages, 1, 2)
    del crew.others.works[0]
    assert await crew.failures(1) == 1


async def test_the_dead_are_told_though_nobody_else_is_there() -> None:
    crew = Crew()
    crew.metrics[0].corrupt("store")
    await crew.figures[0].publish()
    bury(crew.pages, 0, 1)
    told = Metrics("1").written(gathered(crew.pages))
    assert figure(told, "mirror_integrity_failures_total", **FAILURES) == 1


async def test_what_has_changed_is_written_down_though_nobody_asks() -> None:
    crew = Crew()
    running = spawn(crew.figures[0].run(), "figures")
    try:
        crew.metrics[0].corrupt("store")
        async with asyncio.timeout(20):
            while not any(  # noqa: ASYNC110  # a page tells nobody
                sample.value and sample.labels == (("where", "store"),)
                for family in gathered(crew.pages)
                for sample in family.samples
            ):
                await asyncio.sleep(0.01)
    finally:
        await end(running)


async def test_figures_beyond_all_measure_are_told_to_the_operator_and_the_last_ones_stay() -> None:
    crew = Crew()
    await crew.figures[0].publish()
    before = crew.pages.read(0)

    names = random.Random(1)
    for _ in range(HALF // 1024):
        crew.metrics[0].requests.add(names.randbytes(2048).hex(), "blob", "hit", 1)
    with capture_logs() as said:
        await crew.figures[0].publish()
    assert [line["log_level"] for line in said] == ["warning"]
    assert crew.pages.read(0) == before
