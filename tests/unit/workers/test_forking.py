"""A child is a worker, and nothing of what is the supervisor's."""

from __future__ import annotations

import os
import random
import signal

import pytest

from mirror.config.addresses import ListenAddress
from mirror.workers.forking import Forked, Forking
from mirror.workers.post import Post
from mirror.workers.signals import Signals
from mirror.workers.sockets import bind

# A test run has threads of its own, which the child does nothing with.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")

ANY = [ListenAddress("127.0.0.1", 0)]


def told_by_child(post: Post, left: list[int]) -> bytes:
    """Everything that a child can see of itself, in a line."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(os.getpid(), number)
    held = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    seen = (post.number, post.count, post.begins, sorted(post.present), post.incarnation, left)
    return repr((seen, signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL, not held, random.random())).encode()


def test_each_child_has_a_post_of_its_own_and_the_first_one_begins() -> None:
    sockets = bind(ANY, ANY, 2)
    left: list[int] = []
    said = []
    with Signals([signal.SIGUSR1]) as signals:
        forking = Forking(2, sockets, signals)
        for number, present in ((0, []), (1, [0])):
            forked = forking.fork(number, present, lambda: left.append(1))
            if isinstance(forked, Post):
                forked.line.send(told_by_child(forked, left))
                os._exit(0)
            assert isinstance(forked, Forked)
            said.append(forked.line.recv(4096).decode())
            forked.line.close()
            os.waitpid(forked.pid, 0)
        assert forking.board.row(1).incarnation == 2
    sockets.close()
    assert left == []
    first, second = ([*said[0].rpartition(", ")[::2]], [*said[1].rpartition(", ")[::2]])
    assert first[0] == "((0, 2, True, [], 1, [1]), True, True"
    assert second[0] == "((1, 2, False, [0], 2, [1]), True, True"
    assert first[1] != second[1]


def test_who_is_forked_in_anothers_place_reads_nothing_and_is_seen_to_read_by_the_others() -> None:
    sockets = bind(ANY, ANY, 2)
    with Signals([signal.SIGUSR1]) as signals:
        forking = Forking(2, sockets, signals)
        seen = []
        for place in (3, 5):
            forked = forking.fork(1, [], lambda: None)
            if isinstance(forked, Post):
                forked.reading.set(forked.number, place)
                os._exit(0)
            assert isinstance(forked, Forked)
            os.waitpid(forked.pid, 0)
            forked.line.close()
            seen.append([forking.reading.is_set_elsewhere(0, one) for one in (3, 5)])
    sockets.close()
    assert seen == [[True, False], [False, True]]


def test_a_child_that_cannot_begin_ends_and_is_no_second_supervisor() -> None:
    parent = os.getpid()

    def fail() -> None:
        raise OSError

    sockets = bind(ANY, ANY, 2)
    with Signals([signal.SIGUSR1]) as signals:
        try:
            forked = Forking(2, sockets, signals).fork(0, [], fail)
        finally:
            if os.getpid() != parent:
                os._exit(7)
        assert isinstance(forked, Forked)
        forked.line.close()
        assert os.waitstatus_to_exitcode(os.waitpid(forked.pid, 0)[1]) == 1
    sockets.close()
