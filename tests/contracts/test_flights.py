"""The contract of flights: L1 to L4 of the design, a section for each."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from mirror.errors import Unreachable
from mirror.flights import Flights
from mirror.tasks import end, spawn

HERD = 100


@dataclass
class Answer:
    """What a flight brings: more than a string, so that it is seen to be the same one."""

    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Call:
    """A call that says when it was made, and ends when it is told to."""

    def __init__(self, outcome: Answer | Exception) -> None:
        self.outcome = outcome
        self.made = 0
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()

    async def __call__(self) -> Answer:
        self.made += 1
        self.begun.set()
        await self.may_end.wait()
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


@pytest.fixture
def flights() -> Flights[str, Answer]:
    return Flights("test")


# L1: the key is claimed before the first `await`


async def test_l1_a_herd_makes_one_call(flights: Flights[str, Answer]) -> None:
    call = Call(Answer())
    herd = [spawn(flights.join("key", call), f"waiter {number}") for number in range(HERD)]
    call.may_end.set()
    await asyncio.gather(*herd)
    assert call.made == 1


async def test_l1_the_key_is_claimed_before_the_call_has_begun(flights: Flights[str, Answer]) -> None:
    call = Call(Answer())
    joining = flights.join("key", call)
    waiting = joining.send(None)  # runs up to the first `await`, and no task has had its turn
    assert waiting is not None
    assert (call.made, "key" in flights, len(flights)) == (0, True, 1)
    joining.close()
    call.may_end.set()
    await flights.join("key", call)
    assert call.made == 1


async def test_l1_other_keys_fly_apart(flights: Flights[str, Answer]) -> None:
    calls = [Call(Answer(body=str(number).encode())) for number in range(3)]
    for call in calls:
        call.may_end.set()
    answers = await asyncio.gather(*(flights.join(str(number), call) for number, call in enumerate(calls)))
    assert [answer.body for answer in answers] == [b"0", b"1", b"2"]


# L2: the call runs in its own task; a leaving waiter changes nothing


async def test_l2_the_first_waiter_leaving_does_not_stop_the_call(flights: Flights[str, Answer]) -> None:
    call = Call(Answer())
    first = spawn(flights.join("key", call), "first")
    await call.begun.wait()
    second = spawn(flights.join("key", call), "second")
    await end(first)
    assert first.cancelled()
    call.may_end.set()
    assert await second is call.outcome
    assert call.made == 1


async def test_l2_the_call_goes_on_when_all_have_left(flights: Flights[str, Answer]) -> None:
    call = Call(Answer())
    waiter = spawn(flights.join("key", call), "waiter")
    await call.begun.wait()
    await end(waiter)
    assert "key" in flights
    late = spawn(flights.join("key", call), "late")
    call.may_end.set()
    assert await late is call.outcome
    assert call.made == 1


async def test_l2_a_failure_that_nobody_waits_for_any_more_disturbs_nobody(flights: Flights[str, Answer]) -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    call = Call(Unreachable("gone"))
    waiter = spawn(flights.join("key", call), "waiter")
    await call.begun.wait()
    await end(waiter)
    call.may_end.set()
    with pytest.raises(Unreachable):
        await flights.join("key", call)
    assert len(flights) == 0
    assert complaints == []


# L3: success and failure reach every waiter alike; failures are not kept


async def test_l3_success_reaches_every_waiter(flights: Flights[str, Answer]) -> None:
    call = Call(Answer())
    herd = [spawn(flights.join("key", call), f"waiter {number}") for number in range(HERD)]
    call.may_end.set()
    assert all(answer is call.outcome for answer in await asyncio.gather(*herd))


async def test_l3_failure_reaches_every_waiter(flights: Flights[str, Answer]) -> None:
    call = Call(Unreachable("gone"))
    herd = [spawn(flights.join("key", call), f"waiter {number}") for number in range(HERD)]
    call.may_end.set()
    assert all(answer is call.outcome for answer in await asyncio.gather(*herd, return_exceptions=True))
    assert call.made == 1


@pytest.mark.parametrize("outcome", [Answer(), Unreachable("gone")], ids=["success", "failure"])
async def test_l3_nothing_is_kept(flights: Flights[str, Answer], outcome: Answer | Exception) -> None:
    first, second = Call(outcome), Call(Answer())
    first.may_end.set()
    second.may_end.set()
    await asyncio.gather(flights.join("key", first), return_exceptions=True)
    assert "key" not in flights
    assert await flights.join("key", second) is second.outcome


# L4: the result carries everything that a waiter needs


async def test_l4_every_waiter_gets_the_whole_answer(flights: Flights[str, Answer]) -> None:
    call = Call(Answer({"Content-Type": "text/plain"}, b"body"))
    first = spawn(flights.join("key", call), "first")
    second = spawn(flights.join("key", Call(Answer())), "second")
    call.may_end.set()
    assert (await first, await second) == (call.outcome, call.outcome)
