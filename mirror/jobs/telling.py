"""Tells the other processes what jobs this one carries out, and how they go on to whoever asks (see `others`).

`job`        the number of who tells it, and an announcement: when one begins, changes or ends, and again when asked;
`which-jobs` nothing: whoever carries any out tells them again;
`watch-job`  whose it is, its id, up to which change it is known, and who asks: answered once there is more to know;
`job-lines`  who has asked, the id and the change as they were asked, the last change that is told, `Rest`, and lines.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum

import orjson

from mirror.jobs.announcement import Likeness, Line, Seal, announcement, written, written_lines
from mirror.jobs.board import Board
from mirror.jobs.job import Job
from mirror.pull.lending import Loan
from mirror.siblings import Siblings
from mirror.tasks import end, spawn

JOB, WHICH, WATCH, LINES = "job", "which-jobs", "watch-job", "job-lines"
ANSWER = 4.0  # seconds after which is answered that there is nothing new

_LONGEST = 12_000  # characters of lines that are told at once: as they are quoted, they go into one frame
_WATCHED = 256  # questions that wait for an answer; more are not heard, and asked again
_AGAIN = 0.2  # seconds in which questions for all jobs are answered once


class Rest(StrEnum):
    """What there is after the lines that are told."""

    MORE = "more"
    LATER = "later"
    NONE = "none"


class Telling:
    """Made within a running event loop; ended by `aclose`. `find`: the job of this process with that id, if any."""

    def __init__(self, siblings: Siblings, find: Callable[[str], Job | None]) -> None:
        self._siblings = siblings
        self._find = find
        self._underway: dict[str, tuple[Job, Likeness, Seal]] = {}
        self._answering: dict[tuple[str, int, int], asyncio.Task[None]] = {}
        self._again: asyncio.TimerHandle | None = None
        if siblings.count > 1:
            siblings.hear(WHICH, self._all_asked)
            siblings.hear(WATCH, self._watched)

    def begun(self, job: Job, likeness: Likeness, login: Loan | None) -> None:
        """It is carried out here from now on."""
        if self._siblings.count > 1:
            self._underway[job.id] = job, likeness, Seal.of(login)
            self.changed(job)

    def changed(self, job: Job) -> None:
        """It is more urgent than it was, or has ended."""
        if job.id in self._underway:
            told = announcement(*self._underway[job.id])
            self._siblings.tell(JOB, self._siblings.number, written(told))

    def over(self, job: Job) -> None:
        """It has ended."""
        self.changed(job)
        self._underway.pop(job.id, None)

    async def aclose(self) -> None:
        if self._again is not None:
            self._again.cancel()
        await end(*self._answering.values())

    def _all_asked(self) -> None:
        if self._again is None and self._underway:
            self._again = asyncio.get_running_loop().call_later(_AGAIN, self._tell_all)

    def _tell_all(self) -> None:
        self._again = None
        for job, _, _ in self._underway.values():
            self.changed(job)

    def _watched(self, holder: int, name: str, since: int, asker: int) -> None:
        asked = (name, since, asker)
        if holder != self._siblings.number or asked in self._answering or len(self._answering) >= _WATCHED:
            return
        task = self._answering[asked] = spawn(self._answer(*asked), f"job-lines:{name}")
        task.add_done_callback(lambda _: self._answering.pop(asked))

    async def _answer(self, name: str, since: int, asker: int) -> None:
        job = self._find(name)
        if job is None:  # it has been over for long
            self._siblings.tell(LINES, asker, name, since, since, Rest.NONE, written_lines([]))
            return
        await job.board.wait(since, ANSWER)
        lines, reached = _next_lines(job.board, since)
        rest = Rest.MORE if job.board.since(reached) else Rest.NONE if job.board.closed else Rest.LATER
        self._siblings.tell(LINES, asker, name, since, reached, rest, written_lines(lines))


def _next_lines(board: Board, since: int) -> tuple[list[Line], int]:
    """As many as may be told at once of what has changed after that change, and the last change among them."""
    lines: list[Line] = []
    reached, length = since, 0
    for change in board.since(since):
        length += len(orjson.dumps([change.key, change.line]))
        if lines and length > _LONGEST:
            break
        lines.append((change.key, dict(change.line)))
        reached = change.number
    return lines, reached
