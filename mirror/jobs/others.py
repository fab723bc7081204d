"""The jobs that other processes carry out, as far as they have told of them: found, joined and watched as one's own.

What is said there, and when, is `telling`'s to know. One whose process has died has failed; what it has brought stays.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from mirror.errors import Code
from mirror.jobs.announcement import Announcement, Likeness, parse_announcement, parse_lines
from mirror.jobs.job import Job, State
from mirror.jobs.telling import ANSWER, JOB, LINES, WATCH, WHICH, Rest
from mirror.pull.lending import Loan
from mirror.siblings import GONE, LOST, Siblings
from mirror.tasks import end, spawn, within

CANCEL, URGE = "cancel-pull", "urge-pull"

_REMEMBERED = 200  # that have ended
_LINES = 50_000  # that these have told, some 30 MiB
_PAUSE = 0.2  # seconds between two questions for what has changed
_PATIENCE = ANSWER + 2.0  # seconds after which a question is asked again: it was lost, or its answer
_CODE = Code.UNAVAILABLE.name
_FORGOTTEN = "it is not known any more what became of it: pull it again"
_DIED = "the process that pulled it has ended; what it has brought is kept: pull it again"


@dataclass(slots=True, eq=False)
class _Other:
    """One of them. `since`: the last change of its board that is known here; `rest`: what there is after it.

    `is_told`: whether its end is among what is known.
    """

    job: Job
    holder: int
    told: Announcement
    since: int = 0
    rest: Rest = Rest.LATER
    is_told: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)
    watching: asyncio.Task[None] | None = None


class Others:
    """Made within a running event loop; ended by `aclose`."""

    def __init__(self, siblings: Siblings) -> None:
        self._siblings = siblings
        self._others: OrderedDict[str, _Other] = OrderedDict()
        if siblings.count > 1:
            siblings.hear(JOB, self._told)
            siblings.hear(LINES, self._lines)
            siblings.hear(GONE, self._gone)
            siblings.hear(LOST, self._lost)
            siblings.tell(WHICH)

    def __iter__(self) -> Iterator[Job]:
        """Those under way and some that have ended."""
        return iter([other.job for other in self._others.values()])

    def find(self, name: str) -> Job | None:
        """The job of this id, if another process has told of one."""
        other = self._others.get(name)
        return None if other is None else other.job

    def like(self, likeness: Likeness, login: Loan | None) -> Job | None:
        """The job under way that an equal order with this login has become."""
        for other in self._others.values():
            told = other.told
            if other.job.state is State.RUNNING and told.likeness == likeness and told.seal.fits(login):
                return other.job
        return None

    def urge(self, job: Job) -> None:
        """Somebody waits for it now."""
        job.urgent = True
        self._siblings.tell(URGE, job.id)

    def cancel(self, job: Job) -> None:
        """Have it broken off."""
        self._siblings.tell(CANCEL, job.id)

    def watch(self, job: Job) -> None:
        """Have its board say what it does, from its beginning to its end; nothing to do for a job of this process."""
        other = self._others.get(job.id)
        if other is not None and other.watching is None and not job.board.closed:
            other.watching = spawn(self._watch(other), f"watch-job:{job.id}")

    async def aclose(self) -> None:
        await end(*(other.watching for other in self._others.values() if other.watching is not None))

    async def _watch(self, other: _Other) -> None:
        while not other.job.board.closed:
            other.news.clear()
            self._siblings.tell(WATCH, other.holder, other.job.id, other.since, self._siblings.number)
            if not await within(other.news, _PATIENCE):
                continue
            if other.rest is Rest.NONE:
                _close(other, _FORGOTTEN)
            elif other.rest is Rest.LATER:
                await asyncio.sleep(_PAUSE)

    def _told(self, holder: int, text: str) -> None:
        try:
            told = parse_announcement(text)
        except ValueError:
            return
        other = self._others.get(told.id)
        if other is None:
            other = self._others[told.id] = _Other(told.job, holder, told)
        other.job.urgent, other.job.state = told.urgent, told.state
        self._forget()

    def _lines(self, asker: int, name: str, since: int, *words: object) -> None:
        other = self._others.get(name)
        if asker != self._siblings.number or other is None or other.since != since:
            return
        reached, rest, text = words
        try:
            lines = parse_lines(str(text))
            ends = [State(str(line["state"])) for _, line in lines if line.get("event") == "end"]
            other.since, other.rest = int(str(reached)), Rest(str(rest))
        except (ValueError, KeyError):
            return
        for key, line in lines:
            other.job.board.write(key, **line)
        for state in ends:
            other.is_told, other.job.state = True, state
        other.news.set()

    def _gone(self, number: int) -> None:
        for other in self._others.values():
            if other.holder == number:
                _close(other, _DIED)
                other.news.set()

    def _lost(self) -> None:
        """What was told of any of them may be what was lost."""
        self._siblings.tell(WHICH)
        for other in self._others.values():
            if other.job.state is State.RUNNING:
                self.watch(other.job)

    def _forget(self) -> None:
        """Of those that have ended the last are remembered: the more they have told, the fewer."""
        number, lines = 0, 0
        for name, other in reversed([*self._others.items()]):
            if other.job.state is State.RUNNING or (other.watching is not None and not other.watching.done()):
                continue
            number, lines = number + 1, lines + len(other.job.board)
            if number > _REMEMBERED or (lines > _LINES and number > 1):
                del self._others[name]


def _close(other: _Other, words: str) -> None:
    """Nothing more is heard of it: it has failed, for this reason, unless it is known to have ended otherwise."""
    job = other.job
    if job.board.closed:
        return
    if other.is_told:
        job.board.close()
    elif job.state is State.DONE:
        job.end(State.DONE)
    else:
        job.end(State.CANCELLED if job.state is State.CANCELLED else State.FAILED, error=words, code=_CODE)
