"""The listening sockets of several workers, bound before any of them begins. Knows no worker and no event loop.

Each worker has its own for the registry (SO_REUSEPORT), so the kernel deals connections out; who holds a copy of one
keeps what waits in it for the next worker. The operator's listener is one that all of them accept from.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mirror.config.addresses import ListenAddress
from mirror.unbound import cannot_listen

_BACKLOG = 1024  # connections that the kernel keeps for each worker; a whole cluster may come at once


class Bound(socket.socket):
    """A bound socket, whose queue never becomes shorter.

    asyncio says with the length of the queue how many it accepts in a turn; for an instant, what waits there for the
    successor of a worker would be too much for it.
    """

    def listen(self, backlog: int = _BACKLOG, /) -> None:
        """As asked, or longer."""
        super().listen(max(backlog, _BACKLOG))


@dataclass(frozen=True, slots=True)
class Sockets:
    """`registry`: those of each worker, by its number. `admin`: those of all."""

    registry: tuple[tuple[socket.socket, ...], ...]
    admin: tuple[socket.socket, ...]

    def close(self) -> None:
        """Let this process's copies go."""
        for one in (*self.admin, *(each for own in self.registry for each in own)):
            one.close()

    def unlisten(self, number: int) -> None:
        """Have nobody wait for this worker: the kernel refuses who does, and deals to the others until it listens."""
        for one in self.registry[number]:
            with contextlib.suppress(OSError):  # it does not listen
                one.shutdown(socket.SHUT_RD)

    def of(self, number: int) -> Sockets:
        """Those of this worker alone; this process's copies of the others' are let go."""
        for other, theirs in enumerate(self.registry):
            if other != number:
                for one in theirs:
                    one.close()
        return Sockets((self.registry[number],), self.admin)


def bind(registry: Sequence[ListenAddress], admin: Sequence[ListenAddress], count: int) -> Sockets:
    """Bind them for `count` workers, who listen. Raises MirrorError that names the address when one cannot be had.

    With port 0 the kernel chooses one, the same for all workers.
    """
    made: list[socket.socket] = []
    try:
        # A column for each worker, a row for each address.
        rows = [row for address in registry for row in _rows(address, count, made, "server.listen")]
        shared = [row[0] for address in admin for row in _rows(address, 1, made, "admin.listen")]
    except BaseException:
        for one in made:
            one.close()
        raise
    return Sockets(tuple(zip(*rows, strict=True)), tuple(shared))


def _rows(address: ListenAddress, count: int, made: list[socket.socket], setting: str) -> Iterator[list[socket.socket]]:
    try:
        for family, place in _places(address):
            row = []
            for one in _row(family, place, count):
                made.append(one)
                row.append(one)
            yield row
    except OSError as error:
        raise cannot_listen(address, setting, error) from error


def _places(address: ListenAddress) -> Iterator[tuple[int, tuple[object, ...]]]:
    """What a host stands for, which may be an address of each family."""
    found = socket.getaddrinfo(address.host or None, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    usable = dict.fromkeys((int(family), place) for family, _, _, _, place in found)
    for family, place in usable:
        try:
            socket.socket(family, socket.SOCK_STREAM).close()
        except OSError as error:
            if error.errno == errno.EAFNOSUPPORT and len(usable) > 1:
                continue  # a machine without IPv6
            raise
        yield family, place


def _row(family: int, place: tuple[object, ...], count: int) -> Iterator[socket.socket]:
    first = _bound(family, place)
    if count == 1:
        yield first
        return
    # With SO_REUSEPORT another mirror's port could be had too; so it is asked for without, and let go again.
    chosen = (place[0], first.getsockname()[1], *place[2:])
    first.close()
    for _ in range(count):
        yield _bound(family, chosen, socket.SO_REUSEPORT)


def _bound(family: int, place: tuple[object, ...], *options: int) -> Bound:
    one = Bound(family, socket.SOCK_STREAM)
    try:
        for option in (socket.SO_REUSEADDR, *options):
            one.setsockopt(socket.SOL_SOCKET, option, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.setblocking(False)
        one.bind(place)
    except BaseException:
        one.close()
        raise
    return one
