"""What is found for a word: by the registry's own search where it has one, else among the repositories that we hold.

A word may begin with a registry's name, `ghcr.io/word`. What is found is named so that a client can pull it from here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from cachetools import TTLCache

from mirror.errors import Malformed, UpstreamError
from mirror.flights import Flights
from mirror.oci.reference import names_registry
from mirror.outcome import Outcome
from mirror.pull.content import Answer
from mirror.pull.repositories import Repositories
from mirror.pull.upstreams import HUB, Rule, Upstream, Upstreams
from mirror.upstream.search import RESULTS, Search, SearchPage, SearchResult, Wanted

_PAGE = 25  # results, when no number is asked for
_PAGES = 100
_FRESH = 300.0  # seconds for which what was found is found again without asking
_KEPT = 10_000  # results in memory
_LOOKS = 8  # searches among what we hold at a time: each may have the loop for half a second, if a bit at a time
_LEFT_ALONE = 30.0  # seconds for which a search that failed is not asked
_OFFICIAL = "library/"  # what Docker Hub's own repositories are below, and are found without


@dataclass(frozen=True, slots=True)
class SearchQuestion:
    """What a request looks for: `term` at `upstream`; `rule` is what decided that. `page` counts from 1."""

    upstream: Upstream
    rule: Rule
    term: str
    n: int
    page: int

    @property
    def prefix(self) -> str:
        """What a name needs before it so that it means this upstream to us."""
        return f"{self.upstream.name}/" if self.rule is Rule.PATH else ""


@dataclass(frozen=True, slots=True)
class FoundRepositories:
    """One page of what was found, by the names to pull it by; `total` counts all pages."""

    results: tuple[SearchResult, ...]
    total: int
    answer: Answer


class Searches:
    """The searches of all upstreams. `clock` is monotonic, in seconds."""

    def __init__(
        self, upstreams: Upstreams, repositories: Repositories, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._upstreams = upstreams
        self._repositories = repositories
        self._found: TTLCache[tuple[str, Wanted], SearchPage] = TTLCache(
            _KEPT, _FRESH, clock, lambda page: len(page.results) + 1
        )
        self._failed: TTLCache[str, bool] = TTLCache(_KEPT, _LEFT_ALONE, clock)
        self._flights: Flights[tuple[str, Wanted], SearchPage] = Flights("search")
        self._looks: Flights[tuple[str, Rule, str, int], list[str]] = Flights("search-held", _LOOKS)

    def question(
        self, scope: tuple[Upstream, Rule], term: str | None, n: int | None, page: int | None
    ) -> SearchQuestion:
        """What a request looks for, its numbers clamped: at most a hundred results on a page, at most a hundred pages.

        Raises Malformed without a term, and Refused (NAME_UNKNOWN) when that begins with a registry that is not ours.
        """
        if term is None:
            raise Malformed("a search for nothing")
        upstream, rule = scope
        first, slash, rest = term.partition("/")
        if rule is Rule.DEFAULT and slash and names_registry(first):
            upstream, rule, term = self._upstreams.named(first), Rule.PATH, rest
        size = min(max(_PAGE if n is None else n, 1), RESULTS)
        return SearchQuestion(upstream, rule, term, size, min(max(page or 1, 1), _PAGES))

    async def find(self, question: SearchQuestion) -> FoundRepositories:
        """What is found. Raises Refused (BUSY) when too much is looked for, and nothing on account of the upstream.

        May be cancelled.
        """
        upstream = question.upstream
        term = question.term.removeprefix(_OFFICIAL) if upstream.name == HUB else question.term
        search = upstream.search
        if search is None or not term:
            return await self._held(question, Answer(Outcome.HIT))
        if upstream.name not in self._failed:
            try:
                return await self._at(search, question, Wanted(term, question.n, question.page))
            except UpstreamError:
                self._failed[upstream.name] = True
        warning = f"the search of {upstream.name} cannot be asked; these are repositories that this mirror holds"
        return await self._held(question, Answer(Outcome.STALE, None, warning))

    async def aclose(self) -> None:
        await self._flights.aclose()
        await self._looks.aclose()

    async def _at(self, search: Search, question: SearchQuestion, wanted: Wanted) -> FoundRepositories:
        """What the registry finds, as far as it may be pulled from here."""
        key = (question.upstream.name, wanted)
        page, outcome = self._found.get(key), Outcome.HIT
        if page is None:
            outcome = Outcome.MISS
            page = self._found[key] = await self._flights.join(key, lambda: search.find(wanted))
        results = (one for one in page.results if question.upstream.admits(_repository(question.upstream, one.name)))
        named = tuple(replace(one, name=f"{question.prefix}{one.name}") for one in results)
        return FoundRepositories(named, page.total, Answer(outcome))

    async def _held(self, question: SearchQuestion, answer: Answer) -> FoundRepositories:
        upstream, rule, term, most = question.upstream, question.rule, question.term, _PAGES * question.n
        names = await self._looks.join(
            (upstream.name, rule, term, most), lambda: self._repositories.matching((upstream, rule), term, most)
        )
        begin = (question.page - 1) * question.n
        named = (SearchResult(f"{question.prefix}{name}") for name in names[begin : begin + question.n])
        return FoundRepositories(tuple(named), len(names), answer)


def _repository(upstream: Upstream, name: str) -> str:
    return f"{_OFFICIAL}{name}" if upstream.name == HUB and "/" not in name else name
