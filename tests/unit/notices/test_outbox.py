"""A queue for one receiver: in order, tried again, bounded, and nobody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from mirror.notices.outbox import LARGEST, LONGEST, Outbox, Untold, World
from mirror.tasks import end, spawn
from tests.support.checker import until
from tests.support.clock import Clock


@dataclass(slots=True)
class Receiver:
    """Fails with each of `failures` in turn, and takes the rest. Between tries the clock goes on by the pause."""

    clock: Clock = field(default_factory=Clock)
    failures: list[Untold] = field(default_factory=list)
    taken: list[bytes] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)

    async def give(self, body: bytes) -> None:
        await self.open.wait()
        if self.failures:
            raise self.failures.pop(0)
        self.taken.append(body)

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.clock.advance(seconds)
        await asyncio.sleep(0)


@asynccontextmanager
async def outbox(receiver: Receiver) -> AsyncIterator[Outbox]:
    made = Outbox("hook", receiver.give, World(receiver.clock, receiver.pause, lambda: 0.5))
    running = spawn(made.run(), "outbox")
    try:
        yield made
    finally:
        await end(running)


async def test_what_is_put_is_told_in_its_order() -> None:
    receiver = Receiver()
    async with outbox(receiver) as box:
        box.put(b"one")
        box.put(b"two")
        assert receiver.taken == []
        receiver.open.set()
        await box.emptied(10)
        box.put(b"three")
        await box.emptied(10)
    assert receiver.taken == [b"one", b"two", b"three"]
    assert (box.told, box.dropped) == (3, 0)


async def test_what_fails_is_tried_again_ever_later_and_before_what_follows() -> None:
    receiver = Receiver(failures=[Untold("down") for _ in range(11)])
    receiver.open.set()
    async with outbox(receiver) as box:
        box.put(b"one")
        box.put(b"two")
        await box.emptied(10)
    assert receiver.taken == [b"one", b"two"]
    assert receiver.pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


async def test_what_is_refused_for_good_is_dropped_at_once() -> None:
    receiver = Receiver(failures=[Untold("no", final=True)])
    receiver.open.set()
    async with outbox(receiver) as box:
        box.put(b"one")
        box.put(b"two")
        await box.emptied(10)
    assert (receiver.taken, receiver.pauses, box.dropped) == ([b"two"], [], 1)


async def test_after_a_day_a_notice_is_given_up() -> None:
    receiver = Receiver(failures=[Untold("down") for _ in range(1000)])
    receiver.open.set()
    async with outbox(receiver) as box:
        box.put(b"one")
        await until(lambda: box.dropped == 1)
        assert LONGEST < sum(receiver.pauses) < LONGEST + 600
        receiver.failures.clear()
        box.put(b"two")
        await box.emptied(10)
    assert (receiver.taken, box.told) == ([b"two"], 1)


async def test_beyond_its_bound_what_comes_last_is_dropped() -> None:
    receiver = Receiver()
    async with outbox(receiver) as box:
        for number in range(LARGEST + 2):
            box.put(str(number).encode())
        assert box.dropped == 2
        receiver.open.set()
        await box.emptied(10)
    assert receiver.taken == [str(number).encode() for number in range(LARGEST)]


async def test_what_is_left_at_the_end_is_counted_as_dropped() -> None:
    receiver = Receiver()
    async with outbox(receiver) as box:
        box.put(b"one")
        box.put(b"two")
        await box.emptied(0.01)
        assert (box.told, box.dropped) == (0, 2)
