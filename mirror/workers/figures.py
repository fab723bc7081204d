"""The figures of all workers, answered by any of them, and kept when one of them dies. Knows no figure by its name.

Each worker writes its own where the others find them, often; who is asked has the others write theirs at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Protocol

import orjson
import structlog

from mirror.workers.merging import Family, departing, dumped, loaded, together
from mirror.workers.pages import Page, Pages

INTERVAL = 0.5  # seconds between two looks at whether something has changed
_PATIENCE = 1.0  # seconds that the others have to write theirs; then their last ones do
_FRESH = "fresh figures"

_log = structlog.get_logger(__name__)


class Counted(Protocol):
    """Where the figures of this process come from."""

    def families(self) -> Iterable[Family]:
        """All of them as they are now. Milliseconds: for a thread."""
        ...

    def mark(self) -> object:
        """Something that is another one whenever anything has been counted."""
        ...

    def written(self, families: Iterable[Family]) -> bytes:
        """These in the text format."""
        ...


class Asked(Protocol):
    """How the others are asked to do something."""

    def answer(self, subject: str, work: Callable[[], Awaitable[None]]) -> None:
        """Have `work` done whenever another asks for it."""
        ...

    async def ask(self, subject: str, patience: float) -> Collection[int]:
        """Have all others do it; who has within `patience` seconds."""
        ...


class Who(Protocol):
    """Which worker it is."""

    @property
    def number(self) -> int: ...

    @property
    def incarnation(self) -> int: ...


class SharedFigures:
    """Those of this worker beside the others'. Its owner runs `run` in a task."""

    def __init__(self, counted: Counted, pages: Pages, asked: Asked, who: Who) -> None:
        self._counted = counted
        self._pages = pages
        self._asked = asked
        self._who = who
        self._mark: object = None
        self._writing = asyncio.Lock()
        asked.answer(_FRESH, self.publish)

    async def run(self) -> None:
        """Write them down whenever they have changed, until cancelled."""
        while True:
            mark = self._counted.mark()
            if mark != self._mark:
                await self.publish()
            await asyncio.sleep(INTERVAL)

    async def publish(self) -> None:
        """Write down what is counted so far."""
        async with self._writing:
            self._mark = self._counted.mark()
            await asyncio.to_thread(self._write)

    async def render(self) -> bytes:
        """The figures of the whole in the text format. Others that do not answer are as they were last."""
        await asyncio.gather(self.publish(), self._asked.ask(_FRESH, _PATIENCE))
        return await asyncio.to_thread(self._read)

    def _write(self) -> None:
        page = Page(self._who.incarnation, dumped(self._counted.families()))
        if not self._pages.write(self._who.number, page):
            _log.warning("the figures are more than can be shared among workers", bytes=len(page.content))

    def _read(self) -> bytes:
        return self._counted.written(gathered(self._pages))


def gathered(pages: Pages) -> list[Family]:
    """What all pages come to, by now."""
    # The departed come last: one of them may be among the others still, but is never missing from both.
    living = {number: page for number in range(pages.count - 1) if (page := pages.read(number)) is not None}
    buried, departed = _departed(pages)
    there = {number: loaded(page.content) for number, page in living.items() if page.incarnation not in buried}
    return together(there, departed)


def bury(pages: Pages, number: int, incarnation: int) -> None:
    """Keep what a worker has counted that is gone. For the supervisor, before there is another of that number."""
    page = pages.read(number)
    if page is None or page.incarnation != incarnation:
        return
    buried, departed = _departed(pages)
    last = {one.incarnation for other in range(pages.count - 1) if (one := pages.read(other)) is not None}
    document = [sorted((buried & last) | {incarnation}), dumped(departing(departed, loaded(page.content))).decode()]
    pages.write(pages.count - 1, Page(incarnation, orjson.dumps(document)))


def _departed(pages: Pages) -> tuple[set[int], list[Family]]:
    page = pages.read(pages.count - 1)
    if page is None:
        return set(), []
    buried, families = orjson.loads(page.content)
    return set(buried), loaded(families.encode())
