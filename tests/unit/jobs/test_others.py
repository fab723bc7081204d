"""The jobs of other processes: known by what is told of them, watched to their end, and failed when nobody is left."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from mirror.jobs.announcement import Likeness
from mirror.jobs.job import Job, State
from mirror.jobs.others import CANCEL, URGE, Others
from mirror.jobs.telling import JOB, LINES, Telling
from tests.support.checker import until
from tests.support.orders import ALICE, order
from tests.support.siblings import Family

LIKENESS = Likeness(("docker.io", "library/app", "v1"), (), referrers=False)


class Scene:
    """One process that has jobs, and another that knows of them."""

    def __init__(self) -> None:
        self.family = Family(2)
        self.jobs: dict[str, Job] = {}
        self.telling = Telling(self.family.members[0], self.jobs.get)
        self.others = Others(self.family.members[1])

    async def begun(self, name: str = "1") -> tuple[Job, Job]:
        """A job as it is carried out, and as the other process knows it."""
        job = self.jobs[name] = Job(name, order(), "docker.io/library/app:v1", urgent=False, began=1.0)
        job.begin()
        self.telling.begun(job, LIKENESS, ALICE)
        await until(lambda: self.others.find(name) is not None)
        known = self.others.find(name)
        assert known is not None
        return job, known

    def end(self, job: Job, state: State = State.DONE, **words: str) -> None:
        job.end(state, **words)
        self.telling.over(job)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = Scene()
    yield scene
    await scene.others.aclose()
    await scene.telling.aclose()


async def done(known: Job) -> None:
    """Wait until that is known."""
    await until(lambda: known.state is State.DONE)


def lines(job: Job) -> list[tuple[str, object]]:
    return [(change.key, change.line) for change in job.board.since(0)]


async def test_an_equal_order_with_the_same_login_is_the_same_job_while_that_is_under_way(scene: Scene) -> None:
    job, known = await scene.begun()
    assert scene.others.like(LIKENESS, ALICE) is known
    assert scene.others.like(LIKENESS, None) is None
    assert scene.others.like(Likeness(LIKENESS.place, ("linux/arm64/v8",), referrers=False), ALICE) is None
    assert list(scene.others) == [known]
    scene.end(job)
    await until(lambda: known.state is State.DONE)
    assert scene.others.like(LIKENESS, ALICE) is None
    assert scene.others.find("1") is known


async def test_who_watches_it_sees_all_that_it_does_to_its_end(scene: Scene) -> None:
    job, known = await scene.begun()
    for number in range(300):
        job.board.write(str(number), event="note", text="x" * 100)
    scene.others.watch(known)
    await until(lambda: lines(known) == lines(job))
    job.board.write("more", event="note", text="y")
    await until(lambda: lines(known) == lines(job))
    scene.end(job, digest="sha256:…")
    assert await known.board.over(10)
    assert (known.state, lines(known)) == (State.DONE, lines(job))


async def test_who_looks_after_its_end_is_still_told_everything(scene: Scene) -> None:
    job, known = await scene.begun()
    scene.end(job, State.FAILED, error="no")
    await until(lambda: known.state is State.FAILED)
    scene.others.watch(known)
    assert await known.board.over(10)
    assert lines(known) == lines(job)


async def test_one_whose_process_dies_has_failed_and_says_what_to_do(scene: Scene) -> None:
    _, known = await scene.begun()
    scene.others.watch(known)
    await until(lambda: len(known.board) == 1)
    scene.family.bury(0)
    assert await known.board.over(10)
    (last,) = [line for key, line in lines(known) if key == "job"]
    assert isinstance(last, dict)
    assert (known.state, last["state"], "pull it again" in last["error"]) == (State.FAILED, "failed", True)


@pytest.mark.parametrize("state", [State.DONE, State.CANCELLED, State.FAILED])
async def test_one_that_had_ended_before_its_process_died_keeps_its_end(scene: Scene, state: State) -> None:
    job, known = await scene.begun()
    scene.end(job, state)
    await until(lambda: known.state is state)
    scene.family.bury(0)
    assert (known.state, known.board.closed) == (state, True)
    assert known.board.since(0)[-1].line["state"] == state


async def test_what_is_forgotten_there_is_not_waited_for(scene: Scene) -> None:
    _, known = await scene.begun()
    scene.jobs.clear()
    scene.others.watch(known)
    assert await known.board.over(10)
    assert known.state is State.FAILED


async def test_words_that_are_lost_are_asked_for_again(scene: Scene) -> None:
    scene.family.deaf = {JOB}
    job = scene.jobs["1"] = Job("1", order(), "docker.io/library/app:v1", urgent=True, began=1.0)
    scene.telling.begun(job, LIKENESS, None)
    scene.family.deaf = set()
    scene.family.lose()
    await until(lambda: scene.others.find("1") is not None)
    scene.family.deaf = {JOB}  # that it ends is not heard either
    scene.end(job)
    scene.family.lose()
    known = scene.others.find("1")
    assert known is not None
    assert await known.board.over(10)
    assert known.state is State.DONE


async def test_who_comes_later_learns_what_is_under_way(scene: Scene) -> None:
    job, _ = await scene.begun()
    later = Others(scene.family.members[1])
    await until(lambda: later.find(job.id) is not None)
    await later.aclose()


async def test_an_answer_to_what_was_not_asked_changes_nothing(scene: Scene) -> None:
    _, known = await scene.begun()
    holder = scene.family.members[0]
    holder.tell(LINES, 1, "1", 5, 9, "later", '[["a",{}]]')
    holder.tell(LINES, 0, "1", 0, 9, "later", '[["a",{}]]')
    holder.tell(LINES, 1, "1", 0, 9, "never", '[["a",{}]]')
    holder.tell(LINES, 1, "1", 0, 9, "later", "nonsense")
    holder.tell(JOB, 0, "nonsense")
    await scene.begun("2")  # by then all of that was heard
    assert (len(known.board), known.state) == (0, State.RUNNING)


async def test_a_wish_is_passed_on(scene: Scene) -> None:
    _, known = await scene.begun()
    scene.others.urge(known)
    scene.others.cancel(known)
    assert known.urgent
    assert scene.family.told[-2:] == [(1, URGE, "1"), (1, CANCEL, "1")]


async def test_of_those_that_have_ended_the_last_are_remembered(scene: Scene) -> None:
    for number in range(210):
        job, _ = await scene.begun(str(number))
        scene.end(job)
    await until(lambda: scene.others.find("209") is not None and scene.others.find("9") is None)
    assert scene.others.find("10") is not None


async def test_of_those_that_have_told_very_much_fewer_are_remembered(scene: Scene) -> None:
    for number in range(4):
        job, known = await scene.begun(str(number))
        scene.end(job)
        await done(known)
        for line in range(20_000):
            known.board.write(str(line))
    await scene.begun("more")
    assert [job.id for job in scene.others] == ["2", "3", "more"]
