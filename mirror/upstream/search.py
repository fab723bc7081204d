"""A registry's search, as Docker Hub has it: `GET /v1/search` at a host of its own. Shows no credential to anybody.

What comes back is taken apart and checked: of strangers' words nothing is handed on but names that follow the grammar,
short printable descriptions, and numbers. Follows no redirect.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass

import orjson
from yarl import URL

from mirror.config.settings import Limits, Upstream
from mirror.errors import Code, Malformed, Nonsense, Unreachable
from mirror.oci.reference import parse_repository
from mirror.upstream import failures, origins
from mirror.upstream.failures import Failed
from mirror.upstream.report import Request
from mirror.upstream.transport import Transport

RESULTS = 100  # the most on one page
_LARGEST = 1024 * 1024  # bytes of an answer
_DESCRIPTION = 500  # characters
_MANY = 10**9  # more stars, and more results, than there are


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A repository that was found, by the name that the registry knows it by."""

    name: str
    description: str = ""
    stars: int = 0
    official: bool = False
    automated: bool = False


@dataclass(frozen=True, slots=True)
class SearchPage:
    """Some of what was found; `total` is how many there are on all pages."""

    results: tuple[SearchResult, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """The `page`th page, from 1 on, of `n` results each, of what is found for a term."""

    term: str
    n: int
    page: int


def searched(upstream: Upstream, base: str) -> Upstream:
    """The upstream as its search host may know it: no login, no certificate of ours; reached by the same ways.

    `base` is where the search is; being an endpoint, it is dialled wherever it lies, because an operator wrote it.
    """
    return Upstream(
        endpoints=(base,),
        ca_file=upstream.ca_file,
        proxy=upstream.proxy,
        request_rate=upstream.request_rate,
    )


class Search:
    """The search at `base`. Owns `session` from then on, which is for the search host alone; `aclose` closes it."""

    def __init__(self, base: URL, limits: Limits, session: Transport) -> None:
        self._base = base
        self._patience = limits.answer_timeout
        self._session = session

    async def aclose(self) -> None:
        """Ends every connection. Twice is as good as once."""
        await self._session.aclose()

    async def find(self, wanted: Wanted) -> SearchPage:
        """What the registry finds. Raises UpstreamError, after `answer_timeout` at the latest. May be cancelled."""
        try:
            async with asyncio.timeout(self._patience):
                return await self._ask(wanted)
        except TimeoutError:
            said = f"{self._session.name}: no search result within {self._patience:g} s"
            raise Unreachable(said, code=Code.TIMEOUT) from None

    async def _ask(self, wanted: Wanted) -> SearchPage:
        name = self._session.name
        url = self._base.with_path(f"{self._base.raw_path.rstrip('/')}/v1/search", encoded=True)
        url = url.with_query({"q": wanted.term, "n": str(wanted.n), "page": str(wanted.page)})
        response = await self._session.exchange(Request("search", "GET", url, {"Accept": "application/json"}))
        with closing(response):
            if response.status != 200:
                await response.discard()
                failed = Failed(name, origins.place(response.url), response.status, response.retry_after)
                raise failures.by_status(failed, Code.NOT_FOUND)
            body = await response.whole(_LARGEST)
        page = read(body)
        if page is None:
            raise Nonsense(f"{name}: search results were asked for, and something else was sent")
        return page


def read(body: bytes) -> SearchPage | None:
    """The results in an answer, at most a hundred; None when it is none. What has no name that can be is left out."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(document, dict) or not isinstance(document.get("results"), list):
        return None
    results = tuple(_results(document["results"][:RESULTS]))
    return SearchPage(results, max(_number(document.get("num_results")), len(results)))


def _results(entries: list[object]) -> Iterator[SearchResult]:
    for entry in entries:
        if not isinstance(entry, Mapping):
            continue
        name = entry.get("name")
        try:
            name = parse_repository(name if isinstance(name, str) else "")
        except Malformed:
            continue
        yield SearchResult(
            name,
            _words(entry.get("description")),
            _number(entry.get("star_count")),
            entry.get("is_official") is True,
            entry.get("is_automated") is True,
        )


def _words(value: object) -> str:
    """One line that does nothing to a terminal."""
    if not isinstance(value, str):
        return ""
    line = " ".join(value[: 4 * _DESCRIPTION].split())
    return "".join(character for character in line if character.isprintable())[:_DESCRIPTION]


def _number(value: object) -> int:
    return min(max(value, 0), _MANY) if type(value) is int else 0
