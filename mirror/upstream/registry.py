"""One upstream registry, as the rest of the mirror sees it: five questions, and errors of one family.

Behind it stand the upstream's endpoints, tried in order, its credential and its tokens. What is asked has been parsed
before; what is answered is parsed here, but by digest nobody is believed: verifying is for who asked. Knows no disk.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar

from mirror.config.settings import Limits, Upstream
from mirror.errors import Code, Interrupted, Nonsense, Throttled, Unreachable, UpstreamError
from mirror.oci.digest import Digest
from mirror.oci.media_types import ACCEPT
from mirror.upstream import answers
from mirror.upstream.answers import ManifestBody, ManifestHead, TagsPage
from mirror.upstream.auth import Access, Door, Keys
from mirror.upstream.blob_body import BlobBody
from mirror.upstream.credentials import Credentials
from mirror.upstream.endpoint import Endpoint, Question
from mirror.upstream.exchange import Response
from mirror.upstream.refusals import Refusals
from mirror.upstream.selection import Selection, base_urls
from mirror.upstream.tokens import Tokens
from mirror.upstream.transport import Transport

T = TypeVar("T")

# What another endpoint may do better. That something is absent or denied is an answer, not a failure: the next
# endpoint is a substitute for this one, not a second opinion.
_FAILURES = (Unreachable, Throttled, Nonsense, Interrupted)


class Registry:
    """Made within a running event loop. Owns `session` from then on: `aclose` closes it.

    Every method raises UpstreamError and nothing else, after `answer_timeout` at the latest; the message names the
    upstream and says what happened. Every method may be cancelled. `clock` is monotonic, in seconds.
    """

    def __init__(
        self,
        name: str,
        upstream: Upstream,
        limits: Limits,
        session: Transport,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._limits = limits
        self._session = session
        refusals = Refusals(clock)
        self._tokens = Tokens(session, limits, refusals, clock)
        keys = Keys(Credentials(name, upstream), self._tokens, refusals, clock)
        doors = (Door(name, url, frozenset(upstream.realms), upstream.insecure) for url in base_urls(name, upstream))
        endpoints = [Endpoint(door.endpoint, Access(door, keys), session, limits.redirects) for door in doors]
        self._selection = Selection(endpoints, clock)

    async def aclose(self) -> None:
        """Ends requests for tokens and every connection. Twice is as good as once."""
        await self._tokens.aclose()
        await self._session.aclose()

    async def head_manifest(self, repository: str, reference: str, accept: str = ACCEPT) -> ManifestHead:
        """What the upstream says of a manifest without sending it. Absent has the code MANIFEST_UNKNOWN."""
        question = _manifest("head_manifest", "HEAD", repository, reference, accept)

        async def take(response: Response, _: Endpoint) -> ManifestHead:
            response.close()
            return answers.manifest_head(response)

        return await self._ask(question, take)

    async def manifest(self, repository: str, reference: str, accept: str = ACCEPT) -> ManifestBody:
        """A manifest, of at most `manifest_size` bytes. Absent has the code MANIFEST_UNKNOWN."""
        question = _manifest("manifest", "GET", repository, reference, accept)

        async def take(response: Response, _: Endpoint) -> ManifestBody:
            return await answers.manifest_body(response, self._limits.manifest_size)

        return await self._ask(question, take)

    async def head_blob(self, repository: str, digest: Digest) -> int | None:
        """The blob's size, None if the upstream has it and does not say. Absent has the code BLOB_UNKNOWN."""
        question = Question("head_blob", "HEAD", repository, f"blobs/{digest}", Code.BLOB_UNKNOWN)

        async def take(response: Response, _: Endpoint) -> int | None:
            response.close()
            return response.length

        return await self._ask(question, take)

    def blob(self, repository: str, digest: Digest, offset: int = 0) -> AbstractAsyncContextManager[BlobBody]:
        """The blob's bytes from `offset` on, or from its beginning if the upstream does not do ranges.

        Leaving the context ends the transfer. Absent has the code BLOB_UNKNOWN.
        """
        return self._blob(repository, digest, offset)

    async def tags(self, repository: str, n: int | None = None, last: str | None = None) -> TagsPage:
        """One page of tags: at most `n`, behind the tag `last`, as far as the upstream heeds these.

        Absent has the code NAME_UNKNOWN.
        """
        query = {key: str(value) for key, value in (("n", n), ("last", last)) if value is not None}
        headers = {"Accept": "application/json"}
        question = Question("tags", "GET", repository, "tags/list", Code.NAME_UNKNOWN, query, headers)

        async def take(response: Response, _: Endpoint) -> TagsPage:
            return await answers.tags_page(self.name, response, self._limits.manifest_size)

        return await self._ask(question, take)

    @asynccontextmanager
    async def _blob(self, repository: str, digest: Digest, offset: int) -> AsyncIterator[BlobBody]:
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        question = Question("blob", "GET", repository, f"blobs/{digest}", Code.BLOB_UNKNOWN, headers=headers)

        async def take(response: Response, endpoint: Endpoint) -> tuple[Response, BlobBody]:
            return response, BlobBody(self.name, response, offset, lambda: self._selection.failed(endpoint))

        response, body = await self._ask(question, take)
        try:
            yield body
        finally:
            response.close()

    async def _ask(self, question: Question, take: Callable[[Response, Endpoint], Awaitable[T]]) -> T:
        """What `take` makes of the answer of the first endpoint that gives one that can be used."""
        failures: list[UpstreamError] = []
        endpoints = self._selection.order()
        try:
            async with asyncio.timeout(self._limits.answer_timeout):
                for endpoint in endpoints:
                    try:
                        return await self._one(endpoint, question, take)
                    except _FAILURES as error:
                        self._selection.failed(endpoint)
                        failures.append(error)
        except TimeoutError:
            self._selection.failed(endpoints[len(failures)])
            limit = f"{self._limits.answer_timeout:g} s"
            failures.append(Unreachable(f"{self.name}: no answer to be used within {limit}", code=Code.TIMEOUT))
        raise failures[0]  # of the endpoint that is to be preferred

    async def _one(
        self, endpoint: Endpoint, question: Question, take: Callable[[Response, Endpoint], Awaitable[T]]
    ) -> T:
        response = await endpoint.ask(question)
        try:
            taken = await take(response, endpoint)
        except BaseException:
            response.close()
            raise
        self._selection.worked(endpoint)
        return taken


def _manifest(operation: str, method: str, repository: str, reference: str, accept: str) -> Question:
    path = f"manifests/{reference}"
    return Question(operation, method, repository, path, Code.MANIFEST_UNKNOWN, headers={"Accept": accept})
