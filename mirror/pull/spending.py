"""Who spent the pulls of an upstream: how many manifests were fetched there for which client and which repository.

In memory and bounded, however many clients and names there are; a restart forgets it. Knows no limit.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

from mirror.siblings import Alone, Siblings

_SPAN = 300.0  # seconds that are counted together
_LONGEST = 86400.0  # seconds after which a pull is forgotten
_SPENDERS = 1000
OTHERS = "others"
_ALONE = Alone()


@dataclass(frozen=True, slots=True)
class Spender:
    """For whom a manifest was fetched: a client by its address, and a repository of an upstream."""

    upstream: str
    repository: str
    client: str


@dataclass(frozen=True, slots=True)
class Spent:
    """Pulls of one upstream within a time, and how many of them each client and each repository took, most first."""

    pulls: int
    clients: tuple[tuple[str, int], ...]
    repositories: tuple[tuple[str, int], ...]


class Ledger:
    """`now` is any clock, in seconds, that does not go back. `spenders`: so many are told apart.

    To `siblings` each pull is told, as `spent` with upstream, repository and client: all of them know them all.
    """

    def __init__(
        self,
        now: Callable[[], float] = time.monotonic,
        spenders: int = _SPENDERS,
        siblings: Siblings = _ALONE,
    ) -> None:
        self._now = now
        self._most = spenders
        self._siblings = siblings
        siblings.hear("spent", lambda *names: self._count(Spender(*names)))
        self._spent: dict[Spender, deque[list[float]]] = {}  # for each, the spans it was seen in and its pulls there

    def __len__(self) -> int:
        return len(self._spent)

    def note(self, spender: Spender) -> None:
        """One more manifest was fetched for this one."""
        self._count(spender)
        self._siblings.tell("spent", spender.upstream, spender.repository, spender.client)

    def _count(self, spender: Spender) -> None:
        now = self._now()
        if spender not in self._spent and len(self._spent) >= self._most:
            self._forget(now - _LONGEST)
            if len(self._spent) >= self._most:
                spender = Spender(spender.upstream, OTHERS, OTHERS)
        spans = self._spent.setdefault(spender, deque(maxlen=int(_LONGEST / _SPAN) + 1))
        if spans and now - spans[-1][0] < _SPAN:
            spans[-1][1] += 1
        else:
            spans.append([now, 1])

    def spent(self, upstream: str, seconds: float) -> Spent:
        """What was spent there in the last so many seconds, to about five minutes; a day at the most."""
        since = self._now() - min(seconds, _LONGEST)
        clients: Counter[str] = Counter()
        repositories: Counter[str] = Counter()
        for spender, spans in self._spent.items():
            if spender.upstream != upstream:
                continue
            pulls = sum(int(count) for began, count in spans if began + _SPAN > since)
            if pulls:
                clients[spender.client] += pulls
                repositories[spender.repository] += pulls
        return Spent(clients.total(), tuple(clients.most_common()), tuple(repositories.most_common()))

    def _forget(self, before: float) -> None:
        for spender in [spender for spender, spans in self._spent.items() if spans[-1][0] < before]:
            del self._spent[spender]
