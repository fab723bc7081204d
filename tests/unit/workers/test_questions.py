"""Questions to the other workers, and who has answered them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from mirror.marks import Marks
from mirror.siblings import GONE, Heard, Word
from mirror.tasks import end, spawn
from mirror.workers.questions import Questions

PATIENCE = 20.0


class Room:
    """Workers on one loop: what one tells, the others hear in the next turn of it."""

    def __init__(self, count: int) -> None:
        self.members = [Member(self, number) for number in range(count)]
        self.questions = [Questions(member, lambda: set(range(count))) for member in self.members]


class Member:
    begins = True

    def __init__(self, room: Room, number: int) -> None:
        self.number = number
        self.reading = Marks(1)
        self._room = room
        self._heard: dict[str, list[Heard]] = {}

    @property
    def count(self) -> int:
        return len(self._room.members)

    def hear(self, subject: str, heard: Heard) -> None:
        self._heard.setdefault(subject, []).append(heard)

    def tell(self, subject: str, *words: Word) -> None:
        for other in self._room.members:
            if other is not self:
                asyncio.get_running_loop().call_soon(other.listen, subject, *words)

    def listen(self, subject: str, *words: Word) -> None:
        for heard in self._heard.get(subject, ()):
            heard(*words)


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    room = Room(3)
    yield room
    for questions in room.questions:
        await questions.aclose()


def noting(notes: list[int], number: int) -> Callable[[], asyncio.Future[None]]:
    def note() -> asyncio.Future[None]:
        notes.append(number)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    return note


async def test_all_others_do_what_is_asked_and_the_asker_does_not(room: Room) -> None:
    notes: list[int] = []
    for number, questions in enumerate(room.questions):
        questions.answer("note", noting(notes, number))
    assert set(await room.questions[1].ask("note", PATIENCE)) == {0, 2}
    assert sorted(notes) == [0, 2]


async def test_questions_at_the_same_time_are_told_apart(room: Room) -> None:
    for number, questions in enumerate(room.questions):
        questions.answer("note", noting([], number))
    answers = await asyncio.gather(*(questions.ask("note", PATIENCE) for questions in room.questions * 3))
    assert [set(answer) for answer in answers] == [{1, 2}, {0, 2}, {0, 1}] * 3


async def test_who_does_not_answer_in_time_is_not_waited_for(room: Room) -> None:
    room.questions[0].answer("note", noting([], 0))
    assert set(await room.questions[1].ask("note", 0.05)) == {0}


async def test_who_ends_meanwhile_is_not_waited_for(room: Room) -> None:
    room.questions[0].answer("note", noting([], 0))
    asking = spawn(room.questions[1].ask("note", PATIENCE), "asking")
    await asyncio.sleep(0)
    room.members[1].listen(GONE, 2)
    async with asyncio.timeout(PATIENCE / 2):
        assert set(await asking) == {0}


async def test_an_answer_that_comes_too_late_or_to_nobody_does_no_harm(room: Room) -> None:
    room.members[1].listen("answer", 1, 12345, 0)
    room.members[1].listen("answer", 0, 0, 2)
    assert set(await room.questions[1].ask("unheard of", 0.01)) == set()


async def test_a_question_that_is_cancelled_is_forgotten(room: Room) -> None:
    asking = spawn(room.questions[1].ask("unheard of", PATIENCE), "asking")
    await asyncio.sleep(0)
    await end(asking)
    assert asking.cancelled()
    assert not room.questions[1]._waiting


async def test_more_questions_than_can_be_answered_are_not_heard(room: Room) -> None:
    held = asyncio.Event()
    begun: list[int] = []

    async def slow() -> None:
        begun.append(1)
        await held.wait()

    room.questions[0].answer("slow", slow)
    for number in range(200):
        room.members[0].listen("question", "slow", 1, number)
    await asyncio.sleep(0)
    assert 0 < len(begun) < 200
