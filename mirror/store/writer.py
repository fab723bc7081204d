"""Writes facts behind the reader's back: collected, in one thread, a batch to a transaction.

A fact that cannot be written (a full disk, a database held by somebody else) is dropped and counted: facts are a
memory, and must never be the reason why content is not served.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Generic, TypeAlias, TypeVar

T = TypeVar("T")
Job: TypeAlias = tuple[Callable[[T], None], Callable[[], None] | None]

_COLLECTED = 0.02  # seconds that facts wait for more: a thread that wrote them now would be in the way of the blob

_log = logging.getLogger(__name__)


class Writer(Generic[T]):
    """The batches of one database. `thread` is a pool of one, shared with the writers of the other databases."""

    def __init__(
        self,
        target: T,
        transaction: Callable[[], AbstractContextManager[object]],
        thread: ThreadPoolExecutor,
        losses: tuple[type[BaseException], ...],
    ) -> None:
        """`losses`: the exceptions that mean that a batch is lost."""
        self._target = target
        self._transaction = transaction
        self._thread = thread
        self._losses = losses
        self._jobs: list[Job[T]] = []  # waiting
        self._batch: list[Job[T]] = []  # being written
        self._draining: asyncio.Future[None] | None = None
        self._due: asyncio.TimerHandle | None = None  # when the next batch begins by itself
        self.lost = 0
        self.is_lasting = True  # else what is written is forgotten before long

    def submit(self, write: Callable[[T], None], written: Callable[[], None] | None = None) -> None:
        """Let `write` run in the next batch, and then `written` on this thread, whether or not the batch was lost."""
        self._jobs.append((write, written))
        if self._draining is None and self._due is None:
            self._due = asyncio.get_running_loop().call_later(_COLLECTED, self._start)

    def begin(self) -> None:
        """Hand to the thread what waits for more. Harmless when repeated."""
        if self._due is not None:
            self._start()

    async def flush(self) -> None:
        """Wait until everything submitted so far is written or lost; not for what is submitted meanwhile."""
        self.begin()
        for _ in range(2):  # the batch that is being written, and the one that takes all that waits
            if self._draining is not None:
                await asyncio.wait({self._draining})
                await asyncio.sleep(0)  # lets `_drained` start the next batch

    def _start(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None
        self._batch, self._jobs = self._jobs, []
        self._draining = asyncio.get_running_loop().run_in_executor(self._thread, self._drain, self._batch)
        self._draining.add_done_callback(self._drained)

    def _drain(self, jobs: list[Job[T]]) -> None:
        try:
            with self._transaction():
                for write, _ in jobs:
                    write(self._target)
        except self._losses as error:
            self.lost += len(jobs)
            _log.warning("%d facts could not be noted: %s", len(jobs), type(error).__name__)

    def _drained(self, future: asyncio.Future[None]) -> None:
        for _, written in self._batch:
            if written is not None:
                written()
        self._batch = []
        self._draining = None
        if self._jobs:
            self._start()
        future.result()  # a fault of ours, not of the disk, is to be seen
