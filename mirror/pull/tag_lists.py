"""Lists of tags: the upstream's, page by page; or what we know ourselves, when it cannot be asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mirror.errors import Absent, Denied, UpstreamError
from mirror.flights import Flights
from mirror.outcome import Outcome
from mirror.pull.content import Answer
from mirror.pull.upstreams import Target
from mirror.store.facts import Facts
from mirror.upstream.answers import TagsPage

LARGEST_PAGE = 10_000  # names; a client's number is clamped to it, never allocated from


@dataclass(frozen=True, slots=True)
class TagList:
    """One page of a repository's tags; `more`: there is another page after its last."""

    names: tuple[str, ...]
    more: bool
    answer: Answer


class TagLists:
    """The tag lists of all upstreams."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._flights: Flights[tuple[str, str, int | None, str | None], TagList] = Flights("tags")

    async def find(self, target: Target, n: int | None, last: str | None) -> TagList:
        """The page of at most `n` tags after `last`. Raises UpstreamError when nobody knows any. May be cancelled."""
        limit = None if n is None else min(n, LARGEST_PAGE)
        key = (target.name, target.repository, limit, last)
        return await self._flights.join(key, lambda: self._ask(target, limit, last))

    async def aclose(self) -> None:
        await self._flights.aclose()

    async def _ask(self, target: Target, n: int | None, last: str | None) -> TagList:
        try:
            page = await target.upstream.registry.tags(target.repository, n, last)
        except (Absent, Denied):
            raise
        except UpstreamError:
            known = self._facts.tag_names(target.name, target.repository)
            if not known:
                raise
            warning = f"{target.name} cannot be asked; these are the tags that this mirror knows"
            return _page(known, n, last, Answer(Outcome.STALE, None, warning))
        return _asked_for(page, n, last)


def _asked_for(page: TagsPage, n: int | None, last: str | None) -> TagList:
    """The part of the upstream's page that was asked for: there are registries that heed neither `n` nor `last`."""
    if page.whole:
        return _page(page.names, n, last, Answer(Outcome.MISS))
    names = page.names
    if last is not None and last in names:
        names = names[names.index(last) + 1 :]
    if n is not None and len(names) > n:
        return TagList(names[:n], True, Answer(Outcome.MISS))
    return TagList(names, page.more, Answer(Outcome.MISS))


def _page(known: Sequence[str], n: int | None, last: str | None, answer: Answer) -> TagList:
    """The page of a whole list in lexical order."""
    after = [name for name in known if last is None or name > last]
    chosen = after if n is None else after[:n]
    return TagList(tuple(chosen), 0 < len(chosen) < len(after), answer)
