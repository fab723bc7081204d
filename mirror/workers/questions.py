"""Has the other workers do something, and waits until they have: a question, and an answer without words, by subject.

Knows no transport but what tells all of them.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Collection

from mirror.siblings import GONE, Siblings
from mirror.tasks import end, spawn

_QUESTION, _ANSWER = "question", "answer"
_MOST = 64  # questions that are answered at a time; more are not heard


class Questions:
    """Made when there is an event loop; its owner awaits `aclose`. `present`: the numbers of who is there now."""

    def __init__(self, siblings: Siblings, present: Callable[[], Collection[int]]) -> None:
        self._siblings = siblings
        self._present = present
        self._numbers = itertools.count()
        self._works: dict[str, Callable[[], Awaitable[None]]] = {}
        self._waiting: dict[int, _Waiting] = {}
        self._answering: set[asyncio.Task[None]] = set()
        siblings.hear(_QUESTION, self._asked)
        siblings.hear(_ANSWER, self._answered)
        siblings.hear(GONE, self._gone)

    def answer(self, subject: str, work: Callable[[], Awaitable[None]]) -> None:
        """Have `work` done whenever another asks for it. It must not raise."""
        self._works[subject] = work

    async def ask(self, subject: str, patience: float) -> Collection[int]:
        """Have all others do it; the numbers of those who have within `patience` seconds."""
        number = next(self._numbers)
        waiting = self._waiting[number] = _Waiting({one for one in self._present() if one != self._siblings.number})
        try:
            self._siblings.tell(_QUESTION, subject, self._siblings.number, number)
            async with asyncio.timeout(patience):
                while waiting.awaited:
                    waiting.changed.clear()
                    await waiting.changed.wait()
        except TimeoutError:
            pass
        finally:
            del self._waiting[number]
        return waiting.done

    async def aclose(self) -> None:
        """Leave what is being answered unanswered."""
        await end(*self._answering)

    def _asked(self, subject: str, asker: int, number: int) -> None:
        work = self._works.get(subject)
        if work is None or len(self._answering) >= _MOST:
            return
        task = spawn(self._do(work, asker, number), f"question-{subject}")
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _do(self, work: Callable[[], Awaitable[None]], asker: int, number: int) -> None:
        await work()
        self._siblings.tell(_ANSWER, asker, number, self._siblings.number)

    def _answered(self, asker: int, number: int, who: int) -> None:
        waiting = self._waiting.get(number) if asker == self._siblings.number else None
        if waiting is not None:
            waiting.done.add(who)
            waiting.strike(who)

    def _gone(self, who: int) -> None:
        for waiting in self._waiting.values():
            waiting.strike(who)


class _Waiting:
    """One question that others have to answer."""

    def __init__(self, awaited: set[int]) -> None:
        self.awaited = awaited
        self.done: set[int] = set()
        self.changed = asyncio.Event()

    def strike(self, who: int) -> None:
        self.awaited.discard(who)
        self.changed.set()
