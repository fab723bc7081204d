"""Who asked, and what became of it: the client's address behind trusted proxies, and the line for the access log."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import NamedTuple

from mirror.collectors import Tally
from mirror.log.access import AccessRecord
from mirror.server.exchange import Exchange
from mirror.server.heard import Asked

_HOPS = 16  # addresses in X-Forwarded-For that are looked at


class RequestIds:
    """Short and different: a prefix for the process, and a number."""

    def __init__(self) -> None:
        self._prefix = os.urandom(4).hex()
        self._numbers = itertools.count(1)

    def next(self) -> str:
        return f"{self._prefix}-{next(self._numbers):x}"


class Clients:
    """The addresses of clients. A header is believed only from a proxy that the operator trusts."""

    def __init__(self, trusted: Sequence[IPv4Network | IPv6Network]) -> None:
        self._trusted = tuple(trusted)

    def address(self, peer: str, forwarded: Sequence[str]) -> str:
        """The peer, or, behind trusted proxies, the nearest address that is none of them.

        `forwarded`: the lines of `X-Forwarded-For`.
        """
        if not self._trusted or not self.trusts(peer):
            return peer
        for hop in reversed(",".join(forwarded).split(",")[-_HOPS:]):
            candidate = hop.strip()
            try:
                peer = str(ip_address(candidate.partition("%")[0]))  # any text may stand after the % of a zone
            except ValueError:
                break
            if not self.trusts(peer):
                break
        return peer

    def trusts(self, address: str) -> bool:
        """Whether that is a proxy of the operator's."""
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._trusted)


class Asking(NamedTuple):
    """What a request says of itself in the log. `path` has no query."""

    method: str
    path: str
    user_agent: str
    forwarded: Sequence[str]


def asking_of(request: Asked) -> Asking:
    """What this request says."""
    headers = request.headers
    # What could not be parsed has an empty dictionary for its headers.
    forwarded = headers.getall("X-Forwarded-For", ()) if headers else ()
    return Asking(request.method, request.raw_path.partition("?")[0], headers.get("User-Agent", ""), forwarded)


class Access:
    """Counts every answer, and notes it for the log if there is one."""

    def __init__(self, tally: Tally, note: Callable[[AccessRecord], None] | None, clients: Clients) -> None:
        self._tally = tally
        self._note = note
        self.clients = clients

    def answered(self, exchange: Exchange, status: int, seconds: float) -> None:
        """An exchange is over. Microseconds: it stands on the hot path."""
        asking = asking_of(exchange.request)
        self.keep(
            AccessRecord(
                time.time(),
                exchange.request_id,
                self.clients.address(exchange.request.remote or "-", asking.forwarded),
                asking.method,
                asking.path,
                status,
                exchange.outcome,
                exchange.upstream,
                exchange.kind,
                exchange.repository,
                exchange.reference,
                exchange.sent,
                seconds,
                exchange.reason,
                asking.user_agent,
            )
        )

    def keep(self, record: AccessRecord) -> None:
        """Count it, and note it. Microseconds, too."""
        self._tally.add(record.upstream or "", record.kind, record.outcome, record.bytes)
        if self._note is not None:
            self._note(record)
