"""The jobs of one process, and those of the others: begun, joined, watched and cancelled by their ids. Knows no HTTP.

A login that was lent lives as long as its job and what that has begun to fetch, and nowhere else.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mirror.errors import Code, ConfigurationError, MirrorError, Refused
from mirror.jobs.announcement import Likeness
from mirror.jobs.borrowed import Borrowed
from mirror.jobs.job import Job, State
from mirror.jobs.loans import Loans
from mirror.jobs.order import Order
from mirror.jobs.others import CANCEL, URGE, Others
from mirror.jobs.sources import Quiet, Source, Urgent
from mirror.jobs.telling import Telling
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
_LOOK = 3600.0  # seconds

_log = logging.getLogger(__name__)
_Key = tuple[Likeness, Loan | None]
_ENDED = {State.DONE: "is done", State.FAILED: "has failed", State.CANCELLED: "has ended"}


@dataclass(frozen=True, slots=True)
class Means:
    """What jobs are carried out with. `lend` makes an upstream of a login; `now` is the wall clock, in seconds.

    `obeying`: seconds that another process is given to break a job off.
    """

    pulls: Pulls
    store: Store
    lend: Lend
    now: Callable[[], float] = time.time
    name: Callable[[], str] = lambda: secrets.token_hex(8)
    obeying: float = 5.0


class Jobs:
    """Made within a running event loop; `aclose` breaks off what is under way, and its fetches are gone on with."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._loans = Loans(means.lend, means.pulls.fetches)
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._running: dict[_Key, Job] = {}
        siblings = means.store.siblings
        self._others = Others(siblings)
        self._telling = Telling(siblings, self._jobs.get)
        siblings.hear(CANCEL, self._cancel_heard)
        siblings.hear(URGE, self._urge_heard)

    def __iter__(self) -> Iterator[Job]:
        """Those under way and the last that have ended, oldest first, of all processes."""
        return iter(sorted([*self._jobs.values(), *self._others], key=lambda job: job.began))

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
        job = self._jobs.get(name) or self._others.find(name)
        if job is None:
            raise Refused("there is no such pull, or it is over since long: see GET /api/v1/pulls", code=Code.NOT_FOUND)
        return job

    def watch(self, job: Job) -> None:
        """Have its board say what it does, whichever process carries it out."""
        self._others.watch(job)

    async def cancel(self, job: Job) -> None:
        """Break it off. Downloads that it has begun go on, as they do when a client leaves.

        Where another process carries it out that is told, and waited for a few seconds.
        """
        task = self._tasks.get(job.id)
        if task is not None:
            await end(task)
        elif job.state is State.RUNNING:
            self._others.watch(job)
            self._others.cancel(job)
            await job.board.over(self._means.obeying)

    async def wait(self, job: Job) -> None:
        """Until it has ended, however. May be cancelled, which changes nothing for the job."""
        task = self._tasks.get(job.id)
        if task is not None:
            await asyncio.wait({task})
            return
        self._others.watch(job)
        while not await job.board.over(_LOOK):
            pass

    async def aclose(self) -> None:
        await end(*self._tasks.values())
        await self._telling.aclose()
        await self._others.aclose()
        await self._loans.aclose()

    def _begin(self, order: Order, login: Loan | None, *, urgent: bool) -> tuple[Job, bool]:
        image = order.image
        target = self._means.pulls.upstreams.target(Asked(None, None, image.registry, image.repository))
        place = (target.name, target.repository, str(image.reference))
        likeness = Likeness(place, order.platforms, order.referrers)
        job = self._running.get((likeness, login)) or self._others.like(likeness, login)
        if job is not None:
            if urgent and not job.urgent:
                self._urge(job)
            return job, True
        if len(self._tasks) >= _RUNNING:
            raise Refused("too many images are being pulled already", code=Code.BUSY, retry_after=5)
        job = Job(self._means.name(), order, _whole_name(target, order), urgent, self._means.now())
        job.begin()
        self._jobs[job.id] = self._running[likeness, login] = job
        task = self._tasks[job.id] = spawn(self._run(job, target, login), f"pull:{job.id}")
        task.add_done_callback(lambda task: self._over(task, job, (likeness, login)))
        self._telling.begun(job, likeness, login)
        return job, False

    def _urge(self, job: Job) -> None:
        if job.id in self._tasks:
            job.urgent = True
            self._telling.changed(job)
        else:
            self._others.urge(job)

    async def _run(self, job: Job, target: Target, login: Loan | None) -> None:
        try:
            if login is None:
                digest = await self._carry_out(job, target, self._ways(job, target))
            else:
                digest = await self._borrow(job, target, login)
            self._end(job, State.DONE, digest=digest)
        except asyncio.CancelledError:
            self._end(job, State.CANCELLED, error="it was cancelled")
            raise
        except MirrorError as error:
            self._end(job, State.FAILED, error=" ".join(str(error).split()), code=error.code.name)

    async def _borrow(self, job: Job, target: Target, login: Loan) -> str:
        try:
            upstream = self._loans.lend(target.upstream, login, job.id)
        except ConfigurationError:
            raise Refused("what is configured for that registry cannot be used now", code=Code.UNAVAILABLE) from None
        try:
            means, lent = self._means, Target(upstream, target.repository)
            borrowed = Borrowed(means.pulls, means.store, lent, target, self._ways(job, target)())
            return await self._carry_out(job, target, lambda: borrowed)
        finally:
            self._loans.give_back(upstream)

    async def _carry_out(self, job: Job, target: Target, ways: Callable[[], Source]) -> str:
        means = self._means
        walk = Walk(Ground(means.pulls, means.store, target, job.board), job.order, ways)
        digest = str(await walk.run())
        if job.urgent or walk.fetched:  # that a refresh has found all as it was is no pull
            means.store.images.pulled((target.name, target.repository, digest), means.now())
        return digest

    def _cancel_heard(self, name: str) -> None:
        task = self._tasks.get(name)
        if task is not None:
            task.cancel()

    def _urge_heard(self, name: str) -> None:
        job = self._jobs.get(name)
        if job is not None and not job.urgent:
            self._urge(job)

    def _ways(self, job: Job, target: Target) -> Callable[[], Source]:
        """The source as the job's urgency has it now, which may grow."""
        means, client = self._means, f"pull {job.id}"
        urgent = Urgent(means.pulls, target, client)
        quiet = Quiet(means.pulls, target, means.store, client)
        return lambda: urgent if job.urgent else quiet

    def _end(self, job: Job, state: State, **words: str) -> None:
        job.end(state, **words)
        self._telling.over(job)
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


def _whole_name(target: Target, order: Order) -> str:
    joint = "@" if isinstance(order.image.reference, Digest) else ":"
    return f"{target.name}/{target.repository}{joint}{order.image.reference}"
