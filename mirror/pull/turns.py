"""Whose turn it is at one upstream: so many fetches at a time (F3), in an order that lets nobody starve.

What a client waits for comes before what nobody does; the client with the fewest places comes first; large blobs leave
some places to the others. Knows neither blobs nor registries.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

LARGE = 64 * 1024**2  # bytes from which a blob keeps its place for long
_KEPT = 4  # one of so many places is kept from large blobs, and from what no client waits for
_OLDEST = 4  # each so many-th turn is that of who has waited longest, whoever he is
_CLIENTS = 16  # of those who wait for one blob, so many are told apart


@dataclass(frozen=True, slots=True)
class Places:
    """How many there are, and how many of them may be taken ahead of any client."""

    at_once: int
    ahead: int = 0

    @property
    def kept(self) -> int:
        """Places that are never all taken by large blobs; none where there are hardly any."""
        return self.at_once // _KEPT

    @property
    def free(self) -> int:
        """Places that are left free by what no client waits for: the next client is not to wait for it."""
        return max(self.kept, 1)


@dataclass(frozen=True, slots=True)
class Wish:
    """Which client wants a blob, and how large it is expected to be, in bytes: so far as anybody knows."""

    client: str = ""
    size: int | None = None


SOMEBODYS = Wish()


@dataclass(slots=True, eq=False)
class Ticket:
    """One who wants a place, or has it. `size` in bytes, as far as known; `ahead`: no client waits for it yet."""

    client: str = ""
    size: int | None = None
    ahead: bool = False
    clients: set[str] = field(init=False)
    granted: asyncio.Future[None] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.clients = set() if self.ahead else {self.client}

    @property
    def large(self) -> bool:
        return self.size is not None and self.size >= LARGE


@dataclass(frozen=True, slots=True)
class Queue:
    """Those who wait, in the order of their arrival, and those who have a place.

    `turns`: how many there have been; `served`: in which of them a client was last given one.
    """

    waiting: Sequence[Ticket]
    running: Sequence[Ticket]
    turns: int = 0
    served: Mapping[str, int] = field(default_factory=dict)


def next_turn(queue: Queue, places: Places) -> Ticket | None:
    """Who of the waiting is to be given a place now; None when there is none for any of them."""
    if len(queue.running) >= places.at_once:
        return None
    waiting = queue.waiting
    if sum(ticket.large for ticket in queue.running) >= places.at_once - places.kept:
        waiting = [ticket for ticket in waiting if not ticket.large]
    waiting = [ticket for ticket in waiting if not ticket.ahead] or waiting
    if not waiting:
        return None
    if queue.turns % _OLDEST == _OLDEST - 1:
        return waiting[0]
    held = _held(queue.running)

    def rank(ticket: Ticket) -> tuple[tuple[int, int], bool]:
        standing = ((held.get(client, 0), queue.served.get(client, -1)) for client in ticket.clients)
        return min(standing, default=(0, -1)), ticket.large

    return min(waiting, key=rank)  # the first of equals


def may_run_ahead(queue: Queue, places: Places) -> bool:
    """Whether a place may be taken for what no client waits for."""
    return may_be_lent(queue, places) and sum(ticket.ahead for ticket in queue.running) < places.ahead


def may_be_lent(queue: Queue, places: Places) -> bool:
    """Whether a place may be taken for as long as nobody waits for one."""
    return not queue.waiting and len(queue.running) < places.at_once - places.free


def _held(running: Sequence[Ticket]) -> dict[str, int]:
    """How many places each client has."""
    held: dict[str, int] = {}
    for ticket in running:
        for client in ticket.clients:
            held[client] = held.get(client, 0) + 1
    return held


class Turns:
    """The places of one upstream. `freed` is called whenever one may have become free for what nobody waits for."""

    def __init__(self, places: Places, freed: Callable[[], None]) -> None:
        self._places = places
        self._freed = freed
        self._coming: list[Ticket] = []  # will want a place presently
        self._waiting: list[Ticket] = []
        self._running: list[Ticket] = []
        self._turns = 0
        self._served: dict[str, int] = {}

    def announce(self, ticket: Ticket) -> None:
        """It will `wait`: what no client waits for leaves it a place."""
        self._coming.append(ticket)

    async def wait(self, ticket: Ticket) -> bool:
        """Have a place, which `leave` gives back; whether it had to be waited for.

        May be cancelled: then there is nothing to give back.
        """
        if ticket in self._running:
            return False
        if ticket in self._coming:
            self._coming.remove(ticket)
        ticket.granted = asyncio.get_running_loop().create_future()
        self._waiting.append(ticket)
        self._grant()
        if ticket.granted.done():
            return False
        try:
            await ticket.granted
        except BaseException:
            self.leave(ticket)  # it may just have been given one
            raise
        return True

    def run_ahead(self, ticket: Ticket) -> bool:
        """Take a place for what no client waits for, if it may have one at this moment."""
        free = may_run_ahead(self._to_come(), self._places)
        if free:
            self._running.append(ticket)
        return free

    def lend(self, ticket: Ticket) -> bool:
        """Take a place that could be done without, if there is one; to be given back once it `is_waited_for`."""
        free = may_be_lent(self._to_come(), self._places)
        if free:
            self._running.append(ticket)
        return free

    @property
    def is_waited_for(self) -> bool:
        """Whether somebody waits for a place."""
        return bool(self._waiting)

    def want(self, ticket: Ticket, client: str) -> None:
        """This client waits for it, too; it counts among what clients wait for from now on."""
        if len(ticket.clients) < _CLIENTS:
            ticket.clients.add(client)
        if ticket.ahead:
            ticket.ahead = False
            self._freed()

    def leave(self, ticket: Ticket) -> None:
        """Give the place back, or wait no longer. Harmless when repeated."""
        for tickets in (self._coming, self._waiting, self._running):
            if ticket in tickets:
                tickets.remove(ticket)
        self._grant()
        if not self._waiting:
            self._freed()

    def _grant(self) -> None:
        while (ticket := next_turn(self._queue(), self._places)) is not None:
            self._waiting.remove(ticket)
            self._running.append(ticket)
            self._note(ticket)
            if ticket.granted is not None and not ticket.granted.done():
                ticket.granted.set_result(None)

    def _note(self, ticket: Ticket) -> None:
        """Remember whose turn it was, of those clients who are still there."""
        self._served.update(dict.fromkeys(ticket.clients, self._turns))
        self._turns += 1
        there = {client for other in (*self._running, *self._coming, *self._waiting) for client in other.clients}
        self._served = {client: turn for client, turn in self._served.items() if client in there}

    def _queue(self) -> Queue:
        return Queue(self._waiting, self._running, self._turns, self._served)

    def _to_come(self) -> Queue:
        """As if those who are coming had a place already."""
        return Queue(self._waiting, [*self._running, *self._coming])
