"""The order of turns: what clients wait for first, the client with the fewest first, and nobody starves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from mirror.pull.turns import LARGE, Places, Queue, Ticket, Turns, may_be_lent, may_run_ahead, next_turn
from mirror.tasks import end, spawn


def of(client: str, size: int | None = None) -> Ticket:
    return Ticket(client, size)


def ahead() -> Ticket:
    return Ticket(ahead=True)


def order(waiting: Sequence[Ticket], places: Places, turns: int = 0) -> list[int]:
    """Which of the waiting is given a place when, each time one ends at once: their numbers in that order."""
    there, given = list(waiting), list[int]()
    served: dict[str, int] = {}
    while (ticket := next_turn(Queue(there, [], turns, served), places)) is not None:
        there.remove(ticket)
        given.append(waiting.index(ticket))
        served |= dict.fromkeys(ticket.clients, turns)
        turns += 1
    return given


# what is given to whom


def test_as_many_run_as_there_are_places() -> None:
    waiting = [of("a"), of("b")]
    assert next_turn(Queue(waiting, [of("c")]), Places(2)) is waiting[0]
    assert next_turn(Queue(waiting, [of("c"), of("d")]), Places(2)) is None


def test_of_equals_the_first_comes_first() -> None:
    assert order([of("a"), of("a"), of("a")], Places(1)) == [0, 1, 2]


def test_a_client_that_asks_for_much_does_not_put_another_ones_first_last() -> None:
    much = [of("greedy") for _ in range(500)]
    assert order([*much, of("modest")], Places(1)).index(500) <= 1


def test_the_client_with_the_fewest_places_comes_first() -> None:
    waiting = [of("two"), of("one"), of("none")]
    running = [of("two"), of("two"), of("one")]
    assert next_turn(Queue(waiting, running), Places(8)) is waiting[2]


def test_clients_take_turns() -> None:
    waiting = [of("a"), of("a"), of("a"), of("b"), of("b"), of("b")]
    assert order(waiting, Places(1))[:3] == [0, 3, 1]


def test_a_blob_that_several_wait_for_counts_as_the_one_of_whoever_has_least() -> None:
    greedy, modest = of("greedy"), of("other")
    shared = of("greedy")
    shared.clients.add("modest")
    running = [of("greedy"), of("other")]
    assert next_turn(Queue([greedy, modest, shared], running), Places(8)) is shared


def test_of_one_clients_blobs_the_small_ones_come_first() -> None:
    assert order([of("a", LARGE), of("a", 10), of("a")], Places(1)) == [1, 2, 0]


def test_each_fourth_turn_is_that_of_who_has_waited_longest() -> None:
    """However many small ones keep coming, the large one has its turn."""
    waiting = [of("a", LARGE), *(of("a", 10) for _ in range(20))]
    assert order(waiting, Places(1)).index(0) == 3


def test_what_no_client_waits_for_comes_last() -> None:
    assert order([ahead(), ahead(), of("a"), of("b", LARGE)], Places(1), turns=3) == [2, 3, 0, 1]


@pytest.mark.parametrize(
    ("at_once", "large_running", "large_may"),
    [(32, 23, True), (32, 24, False), (8, 5, True), (8, 6, False), (4, 2, True), (4, 3, False), (2, 1, True)],
)
def test_large_blobs_leave_a_quarter_of_the_places(at_once: int, large_running: int, large_may: bool) -> None:
    running = [of("a", LARGE) for _ in range(large_running)]
    large, small = of("b", LARGE), of("c", LARGE - 1)
    places = Places(at_once)
    assert (next_turn(Queue([large], running), places) is large) == large_may
    assert next_turn(Queue([large, small], [*running], turns=3), places) is (large if large_may else small)
    assert next_turn(Queue([small], running), places) is small


@pytest.mark.parametrize(
    ("running", "ahead_running", "may"),
    [(0, 0, True), (3, 2, True), (0, 6, False), (5, 1, False), (6, 0, False), (0, 5, True)],
)
def test_ahead_of_clients_goes_what_leaves_them_places(running: int, ahead_running: int, may: bool) -> None:
    there = [*(of("a") for _ in range(running)), *(ahead() for _ in range(ahead_running))]
    assert may_run_ahead(Queue([], there), Places(8, 6)) == may


def test_nothing_goes_ahead_while_somebody_waits() -> None:
    queue = Queue([of("a", LARGE)], [])
    assert not may_run_ahead(queue, Places(8, 6))
    assert not may_be_lent(queue, Places(8))


@pytest.mark.parametrize(("at_once", "most"), [(1, 0), (2, 1), (4, 3), (8, 6), (32, 24)])
def test_the_next_client_has_a_place(at_once: int, most: int) -> None:
    running: list[Ticket] = []
    while may_be_lent(Queue([], running), Places(at_once)):
        running.append(of(""))
    assert len(running) == most
    assert not may_run_ahead(Queue([], running), Places(at_once, 100))


# the life of a place


class Seen:
    """Counts how often something became free."""

    def __init__(self) -> None:
        self.freed = 0

    def __call__(self) -> None:
        self.freed += 1


async def test_who_finds_a_place_has_not_waited() -> None:
    turns = Turns(Places(1), Seen())
    first, second = of("a"), of("a")
    assert not await turns.wait(first)
    waiting = spawn(turns.wait(second), "second")
    await asyncio.sleep(0)
    assert turns.is_waited_for
    turns.leave(first)
    assert await waiting
    assert not turns.is_waited_for


async def test_a_place_that_was_taken_ahead_need_not_be_waited_for() -> None:
    turns = Turns(Places(2, 1), Seen())
    ticket = ahead()
    assert turns.run_ahead(ticket)
    assert not await turns.wait(ticket)
    turns.leave(ticket)
    assert turns.run_ahead(ahead())


async def test_who_waits_no_longer_is_in_nobodys_way() -> None:
    turns = Turns(Places(1), Seen())
    first, second, third = of("a"), of("b"), of("c")
    await turns.wait(first)
    waiting = [spawn(turns.wait(ticket), "waiting") for ticket in (second, third)]
    await asyncio.sleep(0)
    await end(waiting[0])
    turns.leave(first)
    assert await waiting[1]


async def test_a_turn_that_comes_to_who_has_just_gone_is_passed_on() -> None:
    turns = Turns(Places(1), Seen())
    first, second, third = of("a"), of("b"), of("c")
    await turns.wait(first)
    waiting = [spawn(turns.wait(ticket), "waiting") for ticket in (second, third)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    turns.leave(first)  # the second one is given it before it can say that it has gone
    assert await waiting[1]
    turns.leave(third)
    assert not await turns.wait(of("d"))


async def test_leaving_twice_is_as_good_as_once() -> None:
    turns = Turns(Places(2), Seen())
    tickets = [of("a"), of("a")]
    for ticket in tickets:
        await turns.wait(ticket)
    turns.leave(tickets[0])
    turns.leave(tickets[0])
    assert not await turns.wait(of("b"))
    waiting = spawn(turns.wait(of("c")), "third")
    await asyncio.sleep(0)
    assert not waiting.done()
    await end(waiting)


async def test_what_a_client_comes_to_want_leaves_its_place_ahead_to_another() -> None:
    seen = Seen()
    turns = Turns(Places(8, 1), seen)
    first = ahead()
    assert turns.run_ahead(first)
    assert not turns.run_ahead(ahead())
    turns.want(first, "a")
    assert seen.freed == 1
    assert turns.run_ahead(ahead())
    turns.want(first, "b")
    assert (seen.freed, first.clients) == (1, {"a", "b"})


async def test_of_a_crowd_that_waits_for_one_blob_a_few_are_told_apart() -> None:
    turns, ticket = Turns(Places(1), Seen()), of("a")
    for number in range(100):
        turns.want(ticket, f"client {number}")
    assert len(ticket.clients) <= 16


async def test_a_place_becomes_free_for_others_once_nobody_waits() -> None:
    seen = Seen()
    turns = Turns(Places(1), seen)
    first, second = of("a"), of("b")
    await turns.wait(first)
    waiting = spawn(turns.wait(second), "second")
    await asyncio.sleep(0)
    turns.leave(first)
    assert await waiting
    assert seen.freed == 1  # the second one has the place, but nobody waits for another
    turns.leave(second)
    assert seen.freed == 2


async def test_a_lent_place_is_asked_for_back() -> None:
    turns = Turns(Places(2), Seen())
    lent, client = of(""), [of("a"), of("b")]
    assert turns.lend(lent)
    assert not turns.lend(of(""))
    await turns.wait(client[0])
    waiting = spawn(turns.wait(client[1]), "second")
    await asyncio.sleep(0)
    assert turns.is_waited_for
    turns.leave(lent)
    assert await waiting
