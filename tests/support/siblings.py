"""Processes that share a cache directory, as far as they know one another, within one process and on one loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

from mirror.marks import Marks
from mirror.siblings import GONE, LOST, Heard, Word
from mirror.store.eviction import Room
from mirror.store.store import Store
from tests.support.caches import ENDLESS, store_at
from tests.support.pulling import Pulling, Setup, pulling


class Member:
    """One of a family, as `Siblings`. What it tells is heard by the others in the loop's next turn."""

    def __init__(self, family: Family, number: int) -> None:
        self.number = number
        self.begins = number == 0
        self.reading = family.reading
        self._family = family
        self._hearing: dict[str, list[Heard]] = {}

    @property
    def count(self) -> int:
        return self._family.count

    def tell(self, subject: str, *words: Word) -> None:
        self._family.told.append((self.number, subject, *words))
        self._family.relay(self.number, subject, *words)

    def hear(self, subject: str, heard: Heard) -> None:
        self._hearing.setdefault(subject, []).append(heard)

    def is_told(self, subject: str, *words: Word) -> None:
        for heard in self._hearing.get(subject, ()):
            heard(*words)


class Family:
    """`told`: everything that was told, with the number of who told it. `deaf`: words on these subjects get lost."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.reading = Marks(count)
        self.members = [Member(self, number) for number in range(count)]
        self.told: list[tuple[Word, ...]] = []
        self.deaf: set[str] = set()
        self._gone: set[int] = set()

    def relay(self, number: int, subject: str, *words: Word) -> None:
        if number in self._gone or subject in self.deaf:
            return
        loop = asyncio.get_running_loop()
        for member in self.members:
            if member.number != number and member.number not in self._gone:
                loop.call_soon(member.is_told, subject, *words)

    def lose(self) -> None:
        """Have everybody hear that something was lost."""
        for member in self.members:
            member.is_told(LOST)

    def silence(self, number: int) -> None:
        """Nothing that this one tells or is told is heard any more."""
        self._gone.add(number)

    def bury(self, number: int) -> None:
        """This one has died, and the others hear of it."""
        self.silence(number)
        for member in self.members:
            if member.number not in self._gone:
                member.is_told(GONE, number)

    def subjects(self) -> set[Word]:
        return {subject for _, subject, *_ in self.told}


@asynccontextmanager
async def stores(root: Path, count: int, room: Room = ENDLESS) -> AsyncIterator[tuple[Family, list[Store]]]:
    """So many stores over one directory, that know one another."""
    family = Family(count)
    async with AsyncExitStack() as stack:
        yield (
            family,
            [await stack.enter_async_context(store_at(root, room=room, siblings=member)) for member in family.members],
        )


@asynccontextmanager
async def pulls(
    root: Path, count: int, setup: Setup | None = None, **endpoints: str
) -> AsyncIterator[tuple[Family, list[Pulling]]]:
    """So many pulls over one directory, that know one another."""
    family, setup = Family(count), setup or Setup()
    async with AsyncExitStack() as stack:
        yield (
            family,
            [
                await stack.enter_async_context(pulling(root, replace(setup, siblings=member), **endpoints))
                for member in family.members
            ],
        )
