"""The jobs of one process: begun, joined, watched and cancelled by their ids. Knows no HTTP, and no times of day.

A login that was lent lives as long as its job and what that has begun to fetch, and nowhere else.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from mirror.errors import Code, ConfigurationError, MirrorError, Refused
from mirror.jobs.board import Board
from mirror.jobs.borrowed import Borrowed
from mirror.jobs.loans import Loans
from mirror.jobs.order import Order
from mirror.jobs.sources import Quiet, Source, Urgent
from mirror.jobs.walk import Ground, Walk
from mirror.oci.digest import Digest
from mirror.pull.lending import Lend, Loan
from mirror.pull.pulls import Pulls
from mirror.pull.upstreams import Asked, Target
from mirror.store.store import Store
from mirror.tasks import end, spawn

_RUNNING = 64  # at a time
_REMEMBERED = 100  # that have ended
_LINES = 50_000  # that these have to tell, some 30 MiB

_log = logging.getLogger(__name__)
_Key = tuple[str, str, str, tuple[str, ...], bool, Loan | None]


class State(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


_ENDED = {State.DONE: "is done", State.FAILED: "has failed", State.CANCELLED: "has ended"}


@dataclass(slots=True, eq=False)
class Job:
    """One order under way, or what became of it. `urgent`: somebody waits for it."""

    id: str
    order: Order
    target: Target
    urgent: bool
    began: float  # wall clock, seconds
    state: State = State.RUNNING
    board: Board = field(default_factory=Board)

    @property
    def image(self) -> str:
        """What is pulled, by its whole name."""
        joint = "@" if isinstance(self.order.image.reference, Digest) else ":"
        return f"{self.target.name}/{self.target.repository}{joint}{self.order.image.reference}"


@dataclass(frozen=True, slots=True)
class Means:
    """What jobs are carried out with. `lend` makes an upstream of a login; `now` is the wall clock, in seconds."""

    pulls: Pulls
    store: Store
    lend: Lend
    now: Callable[[], float] = time.time
    name: Callable[[], str] = lambda: secrets.token_hex(8)


class Jobs:
    """Made within a running event loop; `aclose` breaks off what is under way, and its fetches are gone on with."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._loans = Loans(means.lend, means.pulls.fetches)
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._running: dict[_Key, Job] = {}
        self._siblings = means.store.siblings
        self._siblings.hear("cancel-pull", self._cancel_heard)

    def __iter__(self) -> Iterator[Job]:
        """Those under way and the last that have ended, oldest first."""
        return iter(list(self._jobs.values()))

    def order(self, order: Order, login: Loan | None = None) -> tuple[Job, bool]:
        """The job that pulls this, as the owner of the login sees it; and whether it was under way already.

        Never waits. Raises Refused: NAME_UNKNOWN for a registry that is not configured, DENIED, BUSY.
        """
        return self._begin(order, login, urgent=True)

    def refresh(self, order: Order) -> tuple[Job, bool]:
        """The same for what nobody waits for. Raises as `order`."""
        return self._begin(order, None, urgent=False)

    def find(self, name: str) -> Job:
        """The job of this id. Raises Refused (NOT_FOUND)."""
        job = self._jobs.get(name)
        if job is None:
            raise Refused("there is no such pull: it is over since long, or of another worker", code=Code.NOT_FOUND)
        return job

    async def cancel(self, job: Job) -> None:
        """Break it off. Downloads that it has begun go on, as they do when a client leaves."""
        task = self._tasks.get(job.id)
        if task is not None:
            await end(task)

    def cancel_elsewhere(self, name: str) -> bool:
        """Have another worker cancel the job of this id, if one has it; False when none but this one could."""
        if name in self._jobs or self._siblings.count == 1:
            return False
        self._siblings.tell("cancel-pull", name)
        return True

    async def wait(self, job: Job) -> None:
        """Until it has ended, however. May be cancelled, which changes nothing for the job."""
        task = self._tasks.get(job.id)
        if task is not None:
            await asyncio.wait({task})

    async def aclose(self) -> None:
        await end(*self._tasks.values())
        await self._loans.aclose()

    def _begin(self, order: Order, login: Loan | None, *, urgent: bool) -> tuple[Job, bool]:
        image = order.image
        target = self._means.pulls.upstreams.target(Asked(None, None, image.registry, image.repository))
        key = (target.name, target.repository, str(image.reference), order.platforms, order.referrers, login)
        job = self._running.get(key)
        if job is not None:
            job.urgent = job.urgent or urgent
            return job, True
        if len(self._tasks) >= _RUNNING:
            raise Refused("too many images are being pulled already", code=Code.BUSY, retry_after=5)
        job = Job(self._means.name(), order, target, urgent, self._means.now())
        job.board.write("job", event="job", id=job.id, image=job.image, state=job.state)
        self._jobs[job.id] = self._running[key] = job
        task = self._tasks[job.id] = spawn(self._run(job, login), f"pull:{job.id}")
        task.add_done_callback(lambda task: self._over(task, job, key))
        return job, False

    async def _run(self, job: Job, login: Loan | None) -> None:
        try:
            digest = await (self._carry_out(job, self._ways(job)) if login is None else self._borrow(job, login))
            self._end(job, State.DONE, digest=digest)
        except asyncio.CancelledError:
            self._end(job, State.CANCELLED, error="it was cancelled")
            raise
        except MirrorError as error:
            self._end(job, State.FAILED, error=" ".join(str(error).split()), code=error.code.name)

    async def _borrow(self, job: Job, login: Loan) -> str:
        try:
            upstream = self._loans.lend(job.target.upstream, login, job.id)
        except ConfigurationError:
            raise Refused("what is configured for that registry cannot be used now", code=Code.UNAVAILABLE) from None
        try:
            means, lent = self._means, Target(upstream, job.target.repository)
            borrowed = Borrowed(means.pulls, means.store, lent, job.target, self._ways(job)())
            return await self._carry_out(job, lambda: borrowed)
        finally:
            self._loans.give_back(upstream)

    async def _carry_out(self, job: Job, ways: Callable[[], Source]) -> str:
        means, target = self._means, job.target
        walk = Walk(Ground(means.pulls, means.store, target, job.board), job.order, ways)
        digest = str(await walk.run())
        if job.urgent or walk.fetched:  # that a refresh has found all as it was is no pull
            means.store.images.pulled((target.name, target.repository, digest), means.now())
        return digest

    def _cancel_heard(self, name: str) -> None:
        task = self._tasks.get(name)
        if task is not None:
            task.cancel()

    def _ways(self, job: Job) -> Callable[[], Source]:
        """The source as the job's urgency has it now, which may grow."""
        means, client = self._means, f"pull {job.id}"
        urgent = Urgent(means.pulls, job.target, client)
        quiet = Quiet(means.pulls, job.target, means.store, client)
        return lambda: urgent if job.urgent else quiet

    def _end(self, job: Job, state: State, **words: str) -> None:
        job.state = state
        job.board.write("job", event="end", id=job.id, image=job.image, state=state, **words)
        job.board.close()
        level = logging.WARNING if state is State.FAILED else logging.INFO
        _log.log(
            level, "the pull of %s %s%s", job.image, _ENDED[state], f": {words['error']}" if "error" in words else ""
        )

    def _over(self, task: asyncio.Task[None], job: Job, key: _Key) -> None:
        del self._tasks[job.id], self._running[key]
        fault = None if task.cancelled() else task.exception()
        if fault is not None:
            _log.error("a pull ended by a fault of the mirror", exc_info=fault)
            self._end(job, State.FAILED, error="it ended by a fault of the mirror", code=Code.INTERNAL.name)
        elif not job.board.closed:  # its task had not even taken its first step
            self._end(job, State.CANCELLED, error="it was cancelled")
        self._forget()

    def _forget(self) -> None:
        """Let those go that have ended before the last ones: the more they have to tell, the fewer are kept."""
        number, lines = 0, 0
        for job in reversed([one for one in self._jobs.values() if one.state is not State.RUNNING]):
            number, lines = number + 1, lines + len(job.board)
            if number > _REMEMBERED or (lines > _LINES and number > 1):
                del self._jobs[job.id]
