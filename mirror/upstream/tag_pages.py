"""The tags of a repository by pages of our own: at most `n` of them, after a tag `last`.

Most registries page like that (distribution's specification). Some have cursors of their own: a next page that only
they can name. There the pages are walked to the end, so that any page can be made of the whole list. Of a `Link` only
the query is used: every request goes where the first one went.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from cachetools import TTLCache

from mirror.errors import Code, Nonsense, Unreachable
from mirror.flights import Flights
from mirror.upstream import answers
from mirror.upstream.answers import TagsListed, TagsPage
from mirror.upstream.endpoint import Endpoint, Question
from mirror.upstream.endpoints import Endpoints

_AT_ONCE = 1000  # names, the most that registries with such cursors hand out
_PAGES = 1000
_NAMES = 100_000
_LONGEST = 60.0  # seconds
_REMEMBERED = 4  # lists that were walked, for a client that goes through one page by page
_MEMORY = 60.0  # seconds
_OWN_CURSORS = 3600.0  # seconds: one odd answer is not to make every list a walk for good


class TagPages:
    """Remembers for an hour that the upstream has cursors of its own. `aclose` ends the walks under way.

    `largest`: bytes of a page; `longest`: seconds that a walk may take.
    """

    def __init__(
        self,
        name: str,
        endpoints: Endpoints,
        largest: int,
        clock: Callable[[], float] = time.monotonic,
        longest: float = _LONGEST,
    ) -> None:
        self._name = name
        self._endpoints = endpoints
        self._largest = largest
        self._longest = longest
        self._clock = clock
        self._own_cursors_until = -math.inf
        self._walked: TTLCache[str, TagsPage] = TTLCache(_REMEMBERED, _MEMORY, clock)
        self._walks: Flights[str, TagsPage] = Flights("tags-walk")

    async def aclose(self) -> None:
        await self._walks.aclose()

    async def page(self, repository: str, n: int | None, last: str | None) -> TagsPage:
        """A page as far as the upstream heeds `n` and `last`, or the whole list. Raises UpstreamError."""
        if self._clock() >= self._own_cursors_until:
            query = {key: str(value) for key, value in (("n", n), ("last", last)) if value is not None}
            listed, _ = await self._first(_question(repository, query))
            if listed.following is None or listed.goes_on_by_name or n == 0:  # after no name there is none to go on by
                return TagsPage(listed.names, more=listed.following is not None)
            self._own_cursors_until = self._clock() + _OWN_CURSORS
        known = None if last is None else self._walked.get(repository)
        # One walk for all who go through the list at once, whatever pages they want of it.
        return known or await self._walks.join(repository, lambda: self._whole(repository))

    async def _whole(self, repository: str) -> TagsPage:
        try:
            async with asyncio.timeout(self._longest):
                names = await self._walk(_question(repository, {"n": str(_AT_ONCE)}))
        except TimeoutError:
            said = f"{self._name}: its list of tags has no end within {self._longest:g} s"
            raise Unreachable(said, code=Code.TIMEOUT) from None
        page = self._walked[repository] = TagsPage(tuple(sorted(names)), more=False, whole=True)
        return page

    async def _walk(self, question: Question) -> set[str]:
        listed, endpoint = await self._first(question)
        names, asked = set(listed.names), [question.query]
        while (following := listed.following) is not None:
            if following in asked:
                break  # round in a circle: there are registries that heed no cursor, and name one all the same
            if not following:
                raise Nonsense(f"{self._name}: a page of tags leads to a next one that cannot be told")
            if len(asked) >= _PAGES or len(names) > _NAMES:
                raise Nonsense(f"{self._name}: a list of tags has more than {_PAGES} pages or {_NAMES} names")
            asked.append(following)
            listed = await self._next(endpoint, replace(question, query=following))
            names.update(listed.names)
        return names

    async def _first(self, question: Question) -> tuple[TagsListed, Endpoint]:
        async def attempt(endpoint: Endpoint) -> tuple[TagsListed, Endpoint]:
            return await self._read(endpoint, question), endpoint

        return await self._endpoints.first(attempt)

    async def _next(self, endpoint: Endpoint, question: Question) -> TagsListed:
        return await self._endpoints.same(endpoint, lambda one: self._read(one, question))

    async def _read(self, endpoint: Endpoint, question: Question) -> TagsListed:
        return await answers.tags_listed(self._name, await endpoint.ask(question), self._largest)


def _question(repository: str, query: Mapping[str, str]) -> Question:
    return Question("tags", "GET", repository, "tags/list", Code.NAME_UNKNOWN, query, {"Accept": "application/json"})
