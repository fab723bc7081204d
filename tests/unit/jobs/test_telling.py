"""What one process tells the others of its jobs: each once as it changes, and its lines to who asks for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from mirror.jobs.announcement import Likeness, Line, parse_announcement, parse_lines
from mirror.jobs.job import Job, State
from mirror.jobs.telling import JOB, LINES, WATCH, WHICH, Rest, Telling
from tests.support.checker import until
from tests.support.orders import ALICE, order
from tests.support.siblings import Family

LIKENESS = Likeness(("docker.io", "library/app", "v1"), (), referrers=False)


class Scene:
    """A process that tells, and one that hears."""

    def __init__(self) -> None:
        self.family = Family(2)
        self.job = Job("1", order(), "docker.io/library/app:v1", urgent=False, began=1.0)
        self.job.begin()
        self.telling = Telling(self.family.members[0], {"1": self.job}.get)
        self.states: list[tuple[State, bool]] = []
        self.answers: list[tuple[str, int, int, Rest, list[Line]]] = []
        self.family.members[1].hear(JOB, self._told)
        self.family.members[1].hear(LINES, self._answered)

    def ask(self, since: int, name: str = "1", holder: int = 0) -> None:
        self.family.members[1].tell(WATCH, holder, name, since, 1)

    def _told(self, holder: int, text: str) -> None:
        told = parse_announcement(text)
        assert (holder, told.id, told.likeness, told.seal.fits(ALICE)) == (0, "1", LIKENESS, True)
        self.states.append((told.state, told.urgent))

    def _answered(self, asker: int, name: str, since: int, *words: object) -> None:
        assert asker == 1
        reached, rest, text = words
        self.answers.append((name, since, int(str(reached)), Rest(str(rest)), parse_lines(str(text))))


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = Scene()
    yield scene
    await scene.telling.aclose()


async def test_each_change_of_a_job_is_told(scene: Scene) -> None:
    scene.telling.begun(scene.job, LIKENESS, ALICE)
    await until(lambda: len(scene.states) == 1)
    scene.job.urgent = True
    scene.telling.changed(scene.job)
    await until(lambda: len(scene.states) == 2)
    scene.job.end(State.DONE)
    scene.telling.over(scene.job)
    await until(lambda: len(scene.states) == 3)
    scene.telling.changed(scene.job)
    assert scene.states == [(State.RUNNING, False), (State.RUNNING, True), (State.DONE, True)]
    assert not any(ALICE.password in str(words) for words in scene.family.told)


async def test_whoever_asks_is_told_again_of_what_is_under_way_and_several_once(scene: Scene) -> None:
    scene.telling.begun(scene.job, LIKENESS, ALICE)
    for _ in range(5):
        scene.family.members[1].tell(WHICH)
    await until(lambda: len(scene.states) == 2)
    assert scene.states == [(State.RUNNING, False)] * 2


async def test_who_asks_for_its_lines_is_told_those_that_he_lacks(scene: Scene) -> None:
    scene.job.board.write("a", n=1)
    scene.ask(0)
    await until(lambda: len(scene.answers) == 1)
    name, since, reached, rest, lines = scene.answers[0]
    assert (name, since, reached, rest) == ("1", 0, 2, Rest.LATER)
    assert [key for key, _ in lines] == ["job", "a"]
    scene.ask(reached)
    await asyncio.sleep(0)
    assert len(scene.answers) == 1  # there is nothing to tell yet
    scene.job.board.write("a", n=2)
    await until(lambda: len(scene.answers) == 2)
    assert scene.answers[1] == ("1", 2, 3, Rest.LATER, [("a", {"n": 2})])
    scene.job.end(State.DONE)
    scene.ask(3)
    await until(lambda: len(scene.answers) == 3)
    assert scene.answers[2][3] is Rest.NONE
    assert scene.answers[2][4][0][1]["event"] == "end"


async def test_what_is_too_much_for_one_word_is_told_in_several(scene: Scene) -> None:
    for number in range(200):
        scene.job.board.write(str(number), text="x" * 200)
    told: list[str] = []
    since, rest = 0, Rest.MORE
    while rest is Rest.MORE:
        scene.answers.clear()
        scene.ask(since)
        await until(lambda: bool(scene.answers))
        _, _, since, rest, lines = scene.answers[0]
        told += [key for key, _ in lines]
    assert told == ["job", *map(str, range(200))]
    assert sum(words[1] == LINES for words in scene.family.told) > 2
    assert max(len(str(words)) for words in scene.family.told) < 16_000


async def test_of_a_job_that_is_forgotten_there_is_nothing_more_to_tell(scene: Scene) -> None:
    scene.ask(7, name="2")
    await until(lambda: len(scene.answers) == 1)
    assert scene.answers == [("2", 7, 7, Rest.NONE, [])]


async def test_who_asks_another_process_is_not_answered(scene: Scene) -> None:
    scene.ask(0, holder=1)
    scene.ask(0)
    await until(lambda: len(scene.answers) > 0)
    assert len(scene.answers) == 1


async def test_a_process_that_is_alone_tells_nobody() -> None:
    family = Family(1)
    telling = Telling(family.members[0], lambda _: None)
    telling.begun(Job("1", order(), "a", urgent=True, began=1.0), LIKENESS, ALICE)
    await telling.aclose()
    assert family.told == []
