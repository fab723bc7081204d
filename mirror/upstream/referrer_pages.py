"""What refers to a manifest, by the referrers API: every page of the list, or nothing, for half a list hides the rest.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers. Of a `Link` only the query is
used: every request goes where the first one went. The list is asked for unfiltered, so that one answer serves all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

from mirror.errors import Absent, Code, Malformed, Nonsense, Unreachable
from mirror.oci import pagination
from mirror.oci.digest import Digest
from mirror.oci.manifest import DESCRIPTORS
from mirror.oci.media_types import OCI_INDEX
from mirror.oci.referrers import Referrer, each_once, parse_referrers
from mirror.tasks import worked
from mirror.upstream.endpoint import Endpoint, Question
from mirror.upstream.endpoints import Endpoints
from mirror.upstream.exchange import Response

_PAGES = 100
_LONGEST = 30.0  # seconds


@dataclass(frozen=True, slots=True)
class _Page:
    """`following` is the query of the next page, None when this is the last one; `size` in bytes."""

    referrers: tuple[Referrer, ...]
    following: Mapping[str, str] | None
    size: int


class ReferrerPages:
    """`largest`: bytes of all pages of a list together; `longest`: seconds that they may take."""

    def __init__(self, name: str, endpoints: Endpoints, largest: int, longest: float = _LONGEST) -> None:
        self._name = name
        self._endpoints = endpoints
        self._largest = largest
        self._longest = longest

    async def whole(self, repository: str, digest: Digest) -> tuple[Referrer, ...] | None:
        """All that refers to `digest`; None when the upstream does not know the question. Raises UpstreamError.

        Absent (MANIFEST_UNKNOWN) when it says 404: of the API, the repository or the manifest, there is no telling.
        """
        headers = {"Accept": OCI_INDEX}
        question = Question(
            "referrers", "GET", repository, f"referrers/{digest}", Code.MANIFEST_UNKNOWN, headers=headers
        )
        try:
            async with asyncio.timeout(self._longest):
                return await self._walk(question)
        except TimeoutError:
            said = f"{self._name}: its list of referrers has no end within {self._longest:g} s"
            raise Unreachable(said, code=Code.TIMEOUT) from None

    async def _walk(self, question: Question) -> tuple[Referrer, ...] | None:
        first = await self._first(question)
        if first is None:
            return None
        page, endpoint = first
        found, size, asked = page.referrers, page.size, [question.query]
        while (following := page.following) is not None:
            if not following or len(asked) >= _PAGES or len(found) > DESCRIPTORS:
                raise Nonsense(f"{self._name}: a list of referrers that has no end, or leads on nobody knows where")
            if following in asked:
                break  # round in a circle: there are registries that heed no cursor, and name one all the same
            asked.append(following)
            page = await self._next(endpoint, replace(question, query=following), self._largest - size)
            found, size = each_once((*found, *page.referrers)), size + page.size
        return found

    async def _first(self, question: Question) -> tuple[_Page, Endpoint] | None:
        async def attempt(endpoint: Endpoint) -> tuple[_Page, Endpoint] | None:
            try:
                response = await endpoint.ask(question)
            except Nonsense:
                return None  # 400, 405, 406, 501: registries without the API; it says nothing of their health
            return await self._read(response, self._largest), endpoint

        return await self._endpoints.first(attempt)

    async def _next(self, endpoint: Endpoint, question: Question, limit: int) -> _Page:
        async def attempt(endpoint: Endpoint) -> _Page:
            return await self._read(await endpoint.ask(question), limit)

        try:
            return await self._endpoints.same(endpoint, attempt)
        except Absent:
            raise Nonsense(f"{self._name}: a page of referrers leads to a next one that is not there") from None

    async def _read(self, response: Response, limit: int) -> _Page:
        """Reads and closes the answer. Raises Nonsense beyond `limit` bytes and for what is no such list."""
        body = await response.whole(limit)
        content_type = response.value("Content-Type")
        try:
            referrers = await worked(len(body), parse_referrers, body, content_type)
        except Malformed as error:
            raise Nonsense(f"{self._name} sent {error}") from error
        try:
            following = pagination.next_query(response.values("Link"))
        except Malformed:
            following = {}
        return _Page(referrers, following, len(body))
