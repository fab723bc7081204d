"""The repositories of which we hold something, by the names that a client asks for them by here. Asks nobody.

For the upstream that a request means anyway the name is the repository's own; for others the registry stands before it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import chain, islice

from mirror.errors import Malformed, Refused
from mirror.oci.reference import names_registry, parse_repository
from mirror.pull.upstreams import Rule, Upstream, Upstreams
from mirror.store.facts import Facts

LARGEST_PAGE = 1000  # names
PAGE = 100  # names, when no number is asked for
_AT_ONCE = 32  # names that are read before somebody else has a turn
_SEEN = 50_000  # names that are looked through for a word: half a second


@dataclass(frozen=True, slots=True)
class _Entry:
    """A repository by the name that it is asked for by; `held`: a manifest of it is."""

    name: str
    upstream: Upstream
    repository: str
    held: bool

    @property
    def is_shown(self) -> bool:
        return self.held and _is_one(self.repository) and self.upstream.admits(self.repository)

    @property
    def is_private(self) -> bool:
        return self.upstream.registry.credentials.configured


@dataclass(frozen=True, slots=True)
class RepositoryList:
    """One page; `more`: there is another one after its last name."""

    names: tuple[str, ...]
    more: bool


class Repositories:
    """The repositories of all upstreams, as far as they are still served. `told`: anybody may know all their names."""

    def __init__(self, upstreams: Upstreams, facts: Facts, told: bool = False) -> None:
        self.told = told
        self._upstreams = upstreams
        self._facts = facts

    async def page(self, scope: tuple[Upstream, Rule], n: int | None, last: str | None) -> RepositoryList:
        """The page of at most `n` names, clamped to 1 to 1000, after `last`, of what a request with `scope` means.

        Raises nothing. May be cancelled.
        """
        size = min(max(PAGE if n is None else n, 1), LARGEST_PAGE)
        names = await _taken(self._names(scope, last or ""), "", size + 1)
        return RepositoryList(tuple(names[:size]), len(names) > size)

    async def matching(self, scope: tuple[Upstream, Rule], word: str, most: int) -> list[str]:
        """The first names of so many that have `word` in them. May be cancelled.

        What was come by with a login of ours is named only where the whole catalogue is told anyway.
        """
        names = islice(self._names(scope, ""), _SEEN)
        return await _taken((entry for entry in names if self.told or not entry.is_private), word, most)

    def _names(self, scope: tuple[Upstream, Rule], after: str) -> Iterator[_Entry]:
        """All after a name, in lexical order."""
        upstream, rule = scope
        own = self._of(upstream, "", after)
        if rule is not Rule.DEFAULT:
            return own
        own = (entry for entry in own if not _means_another(entry.repository))
        # What begins with one registry's name stands together, so the others are read one after another.
        others = chain.from_iterable(self._of(other, f"{other.name}/", after) for other in self._others(upstream))
        return merge(own, others, key=lambda entry: entry.name)

    def _others(self, default: Upstream) -> Iterator[Upstream]:
        names = [name for name in self._facts.upstreams() if name != default.name and names_registry(name)]
        for name in sorted(names, key=lambda name: f"{name}/"):
            try:
                yield self._upstreams.named(name)
            except Refused:
                continue  # it is configured no longer

    def _of(self, upstream: Upstream, prefix: str, after: str) -> Iterator[_Entry]:
        if after.startswith(prefix):
            after = after.removeprefix(prefix)
        elif after > prefix:
            return
        else:
            after = ""
        chunk = self._facts.repositories(upstream.name, after, _AT_ONCE)
        while chunk:
            for repository, held in chunk:
                yield _Entry(f"{prefix}{repository}", upstream, repository, held)
            chunk = self._facts.repositories(upstream.name, chunk[-1][0], _AT_ONCE)


async def _taken(entries: Iterable[_Entry], word: str, most: int) -> list[str]:
    taken: list[str] = []
    for number, entry in enumerate(entries, 1):
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)
        if word in entry.name and entry.is_shown:
            taken.append(entry.name)
            if len(taken) == most:
                break
    return taken


def _is_one(repository: str) -> bool:
    try:
        parse_repository(repository)
    except Malformed:
        return False
    return True


def _means_another(repository: str) -> bool:
    """Whether this name, asked for at the default upstream, would be taken for one of another registry."""
    first, slash, _ = repository.partition("/")
    return bool(slash) and names_registry(first)
