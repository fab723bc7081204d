"""Lists of tags: the upstream's, page by page; or what we know ourselves, when it cannot be asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from cachetools import TTLCache

from mirror.errors import Absent, Denied, UpstreamError
from mirror.flights import Flights
from mirror.outcome import Outcome
from mirror.pull.content import Answer
from mirror.pull.handed_pages import HandedPages, page_key
from mirror.pull.tag_names import TagNames
from mirror.pull.upstreams import Target
from mirror.store.facts import Facts
from mirror.store.leases import PATIENCE, Leases
from mirror.upstream.answers import TagsPage

LARGEST_PAGE = 10_000  # names; a client's number is clamped to it, never allocated from
_WALK = 10.0  # seconds for which a further page is as good as new: clients that walk together are seldom in step
_KEPT = 100_000  # names on such pages


@dataclass(frozen=True, slots=True)
class TagList:
    """One page of a repository's tags; `more`: there is another page after its last."""

    names: tuple[str, ...]
    more: bool
    answer: Answer


_Asked: TypeAlias = tuple[str, str, int | None, str | None]  # upstream, repository, n, last


class TagLists:
    """The tag lists of all upstreams. `now` is the wall clock, `clock` a monotonic one, both in seconds."""

    def __init__(
        self,
        facts: Facts,
        leases: Leases,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._leases = leases
        self._handed = HandedPages(facts, now)
        self._now = now
        self._names = TagNames(facts, now)
        self._flights: Flights[_Asked, TagList] = Flights("tags")
        self._pages: TTLCache[_Asked, TagList] = TTLCache(_KEPT, _WALK, clock, lambda page: len(page.names) + 1)

    async def find(self, target: Target, n: int | None, last: str | None) -> TagList:
        """The page of at most `n` tags after `last`. Raises UpstreamError when nobody knows any. May be cancelled.

        The first page is asked for each time: whoever begins anew sees what is new.
        """
        limit = None if n is None else min(n, LARGEST_PAGE)
        key = (target.name, target.repository, limit, last)
        page = None if last is None else self._pages.get(key)
        return page or await self._flights.join(key, lambda: self._ask_once(target, key))

    async def aclose(self) -> None:
        await self._flights.aclose()

    async def _ask_once(self, target: Target, asked: _Asked) -> TagList:
        """Ask for all processes: who had to wait for another one takes the page that it has come back with."""
        key, began = page_key(asked), self._now()
        async with self._leases.hold(str(key), PATIENCE) as waited:
            handed = self._handed.take(key, began) if waited else None
            if handed is not None:
                return TagList(*handed, Answer(Outcome.MISS))
            page = await self._ask(target, asked)
            if self._leases.is_wanted(str(key)) and page.answer.outcome is not Outcome.STALE:
                self._handed.give(key, page.names, page.more)
            return page

    async def _ask(self, target: Target, asked: _Asked) -> TagList:
        *_, n, last = asked
        try:
            page = await target.upstream.registry.tags(target.repository, n, last)
        except Absent:
            self._names.forget(target)
            raise
        except Denied:
            raise  # who may not read it now does not get what somebody could read once
        except UpstreamError:
            known = self._names.known(target)
            if not known.names:
                raise
            warning = f"{target.name} cannot be asked; these are the tags that this mirror knows, there may be others"
            return _page(known.names, n, last, Answer(Outcome.STALE, known.checked, warning))
        self._names.hear(target, last, page)
        found = _asked_for(page, n, last)
        if last is not None and len(found.names) <= LARGEST_PAGE:
            self._pages[asked] = replace(found, answer=Answer(Outcome.HIT, self._now()))
        return found


def _asked_for(page: TagsPage, n: int | None, last: str | None) -> TagList:
    """The part of the upstream's page that was asked for: there are registries that heed neither `n` nor `last`."""
    if page.whole:
        return _page(page.names, n, last, Answer(Outcome.MISS))
    names, unheeded = page.names, last is not None and last in page.names
    if not page.more and (last is None or unheeded):
        return _page(sorted(names), n, last, Answer(Outcome.MISS))  # docker-registry 2.8 neither pages nor sorts
    if last is not None and unheeded:
        names = names[names.index(last) + 1 :]
    if n is not None and len(names) > n:
        return TagList(names[:n], True, Answer(Outcome.MISS))
    return TagList(names, page.more, Answer(Outcome.MISS))


def _page(known: Sequence[str], n: int | None, last: str | None, answer: Answer) -> TagList:
    """The page of a whole list in lexical order."""
    after = [name for name in known if last is None or name > last]
    chosen = after if n is None else after[:n]
    return TagList(tuple(chosen), 0 < len(chosen) < len(after), answer)
