"""Who may be connected: so many in all, and so many from one place. Knows addresses, and nothing of connections."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

_HOUSEHOLD = 64  # bits of an IPv6 address: whoever has one has all that begin alike (RFC 6177)
_REMEMBERED = 4096  # addresses whose place is known without being worked out again


class Admission:
    """Counts the connections that are held. `most` of them in all, and `most_each` from one place.

    `exempt` says of an address whether any number may come from there: a proxy stands for all who are behind it.
    """

    def __init__(self, most: int, most_each: int, exempt: Callable[[str], bool]) -> None:
        self._most = most
        self._most_each = most_each
        self._exempt = exempt
        self._held: dict[str, int] = {}  # by place
        self.held = 0
        self.refused = 0

    def enter(self, address: str) -> bool:
        """Whether one more from there may be held. It is counted then, until `leave`."""
        place = place_of(address)
        there = self._held.get(place, 0)
        if self.held >= self._most or (there >= self._most_each and not self._exempt(address)):
            self.refused += 1
            return False
        self._held[place] = there + 1
        self.held += 1
        return True

    def leave(self, address: str) -> None:
        """One that has entered is gone."""
        place = place_of(address)
        self.held -= 1
        self._held[place] -= 1
        if not self._held[place]:
            del self._held[place]


def address_of(peer: object) -> str:
    """The address in what a transport says of who is at its other end; "-" where it says nothing."""
    return str(peer[0]) if isinstance(peer, (tuple, list)) else str(peer or "-")


@lru_cache(_REMEMBERED)
def place_of(address: str) -> str:
    """What an address has in common with all those that one client can have for the asking."""
    try:
        parsed: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return f"{int(parsed) >> (128 - _HOUSEHOLD):x}::"
