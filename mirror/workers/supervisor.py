"""Forks the workers, and forks again when one of them ends; ends with all of them. Serves nothing itself.

It has no event loop and no thread, so that a child is as good as a fresh process.
"""

from __future__ import annotations

import os
import selectors
import signal
import time
from dataclasses import dataclass

import structlog

from mirror.notify import Notifier
from mirror.siblings import GONE
from mirror.workers.figures import bury
from mirror.workers.forking import Forking
from mirror.workers.frames import CAME, COMPLETE, STOP
from mirror.workers.hub import Hub
from mirror.workers.pauses import Pauses
from mirror.workers.post import Post
from mirror.workers.signals import Signals, ending
from mirror.workers.silence import Silence
from mirror.workers.sockets import Sockets

_LOOK = 0.5  # seconds between two looks at who is alive
_LATE = 1.0  # seconds that nobody is to wait for a successor where others serve

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Terms:
    """`count` workers. Seconds that each has: `patience`, in which to show that it is alive; `grace`, for its running
    answers to end; and then `closing`, to write down what its memory holds.
    """

    count: int
    grace: float
    patience: float = 30.0
    closing: float = 15.0


@dataclass(slots=True)
class _Worker:
    """What stands behind one number. `due`: when the next one is to be forked."""

    pauses: Pauses
    silence: Silence
    pid: int | None = None
    serves: bool = False
    due: float | None = None


class Supervisor:
    """`run` it once. It closes the sockets."""

    def __init__(self, terms: Terms, sockets: Sockets, notifier: Notifier) -> None:
        self._terms = terms
        self._sockets = sockets
        self._notifier = notifier
        self._signals = Signals([*ending(), signal.SIGCHLD])
        self._forking = Forking(terms.count, sockets, self._signals)
        self._workers = [_Worker(Pauses(), Silence(terms.patience)) for _ in range(terms.count)]
        self._begun = False  # all of them have served
        self._code = 0
        self._deadline: float | None = None  # when those that have been told to end are killed
        self._looked = 0.0
        self._petted = 0.0

    def run(self) -> Post | int:
        """In each child its post, at once; in this process the exit code, when all of them have ended."""
        self._workers[0].due = time.monotonic()
        with self._signals, selectors.PollSelector() as selector:
            self._hub = Hub(selector)
            selector.register(self._signals, selectors.EVENT_READ)
            while True:
                post = self._fork_one_due()
                if post is not None:
                    return post
                if self._deadline is not None and not self._alive():
                    break
                for key, events in selector.select(self._pause()):
                    if key.data is None:
                        self._heed()
                    elif self._hub.serve(key.data, events):
                        self._serves(key.data)
                self._look()
            self._hub.close()
        _log.info("stopped")
        return self._code

    def _fork_one_due(self) -> Post | None:
        """In a child its post, where one is due."""
        now = time.monotonic()
        for number, worker in enumerate(self._workers):
            if worker.due is not None and worker.due <= now and self._deadline is None:
                post = self._fork(number, worker)
                if post is not None:
                    return post
        return None

    def _fork(self, number: int, worker: _Worker) -> Post | None:
        present = [other for other, one in enumerate(self._workers) if one.serves and one is not worker]
        try:
            forked = self._forking.fork(number, present, self._hub.close)
        except OSError as error:
            self._cannot_fork(number, worker, error)
            return None
        if isinstance(forked, Post):
            return forked
        worker.pid, worker.due, worker.serves = forked.pid, None, False
        worker.silence.begin(time.monotonic())
        self._hub.join(number, forked.line)
        return None

    def _cannot_fork(self, number: int, worker: _Worker, error: OSError) -> None:
        now = time.monotonic()
        pause = max(worker.pauses.after(now), _LOOK)
        worker.due = now + pause
        _log.error("a worker cannot be forked", number=number, error=error.strerror, again_in=pause)
        if not self._begun:
            self._end(1)

    def _serves(self, number: int) -> None:
        """That worker has said so."""
        self._workers[number].serves = True
        for other in range(self._terms.count):
            if other != number:
                self._hub.order(other, CAME, number)
        if self._begun:
            _log.info("a worker serves again", number=number, pid=self._workers[number].pid)
            return
        waiting = [worker for worker in self._workers if not worker.serves]
        for worker in waiting:
            if worker.pid is None:
                worker.due = time.monotonic()
        if not waiting:
            self._begun = True
            self._hub.order(0, COMPLETE)
            self._notifier.ready()

    def _heed(self) -> None:
        """Do what the signals ask for."""
        for number in self._signals.received():
            if number == signal.SIGCHLD:
                self._reap()
            elif self._deadline is None:
                _log.info("stopping: no new requests; running ones may finish", grace=self._terms.grace)
                self._end(0)
            elif number != signal.SIGHUP:
                self._code = 128 + number  # as shells report it
                self._kill_all()

    def _end(self, code: int) -> None:
        """Have all workers end, and then end with this code."""
        self._code = code
        self._deadline = time.monotonic() + self._terms.grace + self._terms.closing
        self._notifier.stopping(self._terms.grace)
        # A copy that stays open would go on to take connections that nobody accepts.
        self._sockets.close()
        for number in range(self._terms.count):
            self._hub.order(number, STOP)

    def _reap(self) -> None:
        """Look who has ended. As the first process of a container, that may be anybody's child."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for number, worker in enumerate(self._workers):
                if worker.pid == pid:
                    self._ended(number, worker, os.waitstatus_to_exitcode(status))

    def _ended(self, number: int, worker: _Worker, code: int) -> None:
        self._hub.leave(number)
        board = self._forking.board
        bury(self._forking.pages, number, board.row(number).incarnation)
        board.ended(number)
        served, pid, worker.pid, worker.serves = worker.serves, worker.pid, None, False
        if self._deadline is not None:
            self._code = self._code or (code if code > 0 else 0)
            return
        for other in range(self._terms.count):
            self._hub.order(other, GONE, number)
        if not self._begun:
            if code < 0:
                _log.error("a worker was killed before it could serve", number=number, signal=-code)
            self._end(code if code > 0 else 1)
            return
        now = time.monotonic()
        pause = worker.pauses.after(now)
        worker.due = now + pause
        if (not served or pause >= _LATE) and any(one.serves for one in self._workers):
            self._sockets.unlisten(number)
        how = {"signal": -code} if code < 0 else {"code": code}
        _log.error("a worker has ended, and is replaced", number=number, pid=pid, again_in=pause, **how)

    def _look(self) -> None:
        """See who is alive, replace who is not, and say that we are."""
        now = time.monotonic()
        if now - self._looked < _LOOK:
            return
        self._looked = now
        if self._deadline is not None:
            if now > self._deadline:
                _log.error("workers have not ended in time, and are killed")
                self._code = self._code or 1
                self._kill_all()
            return
        for number, worker in enumerate(self._workers):
            if worker.pid is not None and worker.silence.is_too_long(self._forking.board.row(number).beats, now):
                _log.error("a worker does not answer, and is killed", number=number, pid=worker.pid)
                os.kill(worker.pid, signal.SIGKILL)
        watchdog = self._notifier.watchdog
        hanging = any(worker.pid is not None and worker.silence.is_hopeless for worker in self._workers)
        if watchdog is not None and self._begun and not hanging and now - self._petted >= watchdog / 2 - _LOOK:
            self._petted = now
            self._notifier.alive()

    def _alive(self) -> bool:
        return any(worker.pid is not None for worker in self._workers)

    def _kill_all(self) -> None:
        for worker in self._workers:
            if worker.pid is not None:
                os.kill(worker.pid, signal.SIGKILL)

    def _pause(self) -> float:
        """Seconds until something is to be done of ourselves."""
        if self._deadline is not None:
            return _LOOK
        now = time.monotonic()
        return min([_LOOK, *(max(worker.due - now, 0.0) for worker in self._workers if worker.due is not None)])
