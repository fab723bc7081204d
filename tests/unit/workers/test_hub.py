"""What is passed on, to whom, and what becomes of those who do not read."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Iterator

import pytest

from mirror.workers.frames import LARGEST, READY, heard, told
from mirror.workers.hub import Hub

LARGE = "x" * 10_000


class Desk:
    """A hub with three workers' ends of their lines in the hands of the test."""

    def __init__(self) -> None:
        self.selector = selectors.PollSelector()
        self.hub = Hub(self.selector)
        self.workers: list[socket.socket] = []
        for number in range(3):
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * LARGEST)
            theirs.setblocking(False)
            self.hub.join(number, ours)
            self.workers.append(theirs)

    def turn(self) -> list[int]:
        """Serve whatever is to be done; the workers that have said that they serve."""
        ready = []
        while found := self.selector.select(0):
            ready += [key.data for key, events in found if self.hub.serve(key.data, events)]
        return ready

    def heard_by(self, number: int) -> list[str]:
        """The subjects of all that waits for this worker."""
        subjects = []
        while True:
            try:
                subjects.append(heard(self.workers[number].recv(LARGEST))[0])
            except BlockingIOError:
                return subjects


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.hub.close()
    desk.selector.close()
    for worker in desk.workers:
        worker.close()


def test_what_one_tells_goes_to_all_the_others_in_order(desk: Desk) -> None:
    desk.workers[1].send(told("one"))
    desk.workers[1].send(told("two", [2]))
    assert desk.turn() == []
    assert [desk.heard_by(number) for number in range(3)] == [["one", "two"], [], ["one", "two"]]


def test_that_a_worker_serves_is_for_the_supervisor_alone(desk: Desk) -> None:
    desk.workers[2].send(READY)
    desk.workers[0].send(b"")
    desk.workers[1].send(b"nonsense")
    assert desk.turn() == [2]
    assert desk.heard_by(1) == []


def test_who_does_not_read_hears_once_that_something_was_lost_and_then_goes_on(desk: Desk) -> None:
    sent = 0
    for _ in range(50):
        desk.workers[0].send(told("much", [LARGE]))
        desk.turn()
        sent += len(desk.heard_by(2))
    assert sent == 50
    missed = desk.heard_by(1)
    assert 0 < missed.count("much") < 50
    assert "lost" not in missed
    desk.turn()
    assert desk.heard_by(1) == ["lost"]
    desk.workers[0].send(told("after"))
    desk.turn()
    assert desk.heard_by(1) == ["after"]


def test_an_order_waits_for_who_does_not_read(desk: Desk) -> None:
    for _ in range(50):
        desk.workers[0].send(told("much", [LARGE]))
        desk.turn()
    desk.hub.order(1, "gone", 0)
    desk.heard_by(1)
    desk.turn()
    assert desk.heard_by(1) == ["lost", "gone"]


def test_what_is_told_while_an_order_waits_is_told_as_lost_after_it(desk: Desk) -> None:
    while not desk.selector.get_map()[desk_end(desk, 1)].events & selectors.EVENT_WRITE:
        desk.hub.order(1, "order", LARGE)
    desk.workers[0].send(told("much"))
    desk.turn()
    orders = desk.heard_by(1)
    desk.turn()
    assert set(orders) == {"order"}
    assert desk.heard_by(1) == ["order", "lost"]


def desk_end(desk: Desk, number: int) -> int:
    """The descriptor of the hub's end of that line."""
    return next(key.fd for key in desk.selector.get_map().values() if key.data == number)


def test_a_line_that_has_ended_is_left_alone(desk: Desk) -> None:
    desk.workers[0].close()
    desk.turn()
    assert desk.selector.select(0) == []
    desk.workers[1].send(told("news"))
    desk.hub.order(0, "order")
    desk.turn()
    assert desk.heard_by(2) == ["news"]
    desk.hub.leave(0)
    desk.hub.order(0, "order")
    assert not desk.hub.serve(0, selectors.EVENT_READ)


def test_the_last_words_of_a_worker_are_passed_on(desk: Desk) -> None:
    for number in range(10):
        desk.workers[0].send(told("word", [number]))
    desk.workers[0].close()
    desk.hub.leave(0)
    desk.hub.order(1, "gone", 0)
    assert desk.heard_by(1) == [*["word"] * 10, "gone"]


def test_the_next_worker_of_a_number_has_a_line_of_its_own(desk: Desk) -> None:
    desk.hub.leave(0)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        desk.hub.join(0, ours)
        desk.hub.order(0, "order")
        assert heard(theirs.recv(LARGEST)) == ("order", [])
