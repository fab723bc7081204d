"""One upstream registry, as the rest of the mirror sees it: six questions, and errors of one family.

Behind it stand the upstream's endpoints, tried in order, its credential and its tokens. What is asked has been parsed
before; what is answered is parsed here, but by digest nobody is believed: verifying is for who asked. Knows no disk.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

from mirror.config.settings import Limits, Upstream
from mirror.errors import Code, Nonsense
from mirror.oci.digest import Digest
from mirror.oci.media_types import ACCEPT
from mirror.oci.referrers import Referrer
from mirror.upstream import answers, heads
from mirror.upstream.accounts import holders
from mirror.upstream.answers import ManifestBody, ManifestHead, TagsPage
from mirror.upstream.auth import Access, Keys
from mirror.upstream.blob_body import BlobBody, Source
from mirror.upstream.breaker import State
from mirror.upstream.breakers import Health
from mirror.upstream.budget import Budget
from mirror.upstream.credentials import Credentials
from mirror.upstream.endpoint import Endpoint, Question
from mirror.upstream.endpoints import Endpoints
from mirror.upstream.exchange import Response
from mirror.upstream.referrer_pages import ReferrerPages
from mirror.upstream.refusals import Refusals
from mirror.upstream.schemes import Door
from mirror.upstream.selection import base_urls
from mirror.upstream.tag_pages import TagPages
from mirror.upstream.tokens import Tokens
from mirror.upstream.transport import Transport


class Registry:
    """Made within a running event loop. Owns `session` from then on: `aclose` closes it.

    Every method raises UpstreamError and nothing else, after `answer_timeout` at the latest (but see `tags`); the
    message names the upstream and says what happened. Every method may be cancelled. `clock` is monotonic, in seconds.
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
        self._urls = base_urls(name, upstream)
        refusals = Refusals(clock)
        self._tokens = Tokens(session, limits, refusals, clock)
        self._credentials = Credentials(name, upstream, clock=clock)
        keys = Keys(self._credentials, self._tokens, refusals, clock)
        opened = _opened(upstream, keys, session, limits)
        self._endpoints = Endpoints(name, opened, limits.answer_timeout, clock, self._may_ask_again)
        self._tag_pages = TagPages(name, self._endpoints, limits.manifest_size, clock)
        self._referrer_pages = ReferrerPages(name, self._endpoints, limits.manifest_size)

    async def aclose(self) -> None:
        """Ends requests for tokens and logins, and every connection. Twice is as good as once."""
        await self._tag_pages.aclose()
        await self._tokens.aclose()
        await self._credentials.aclose()
        await self._session.aclose()

    @property
    def budget(self) -> Budget | None:
        """How many pulls were left when the endpoints last told; None if none of them did, or too long ago."""
        return self._session.budget

    @property
    def endpoints(self) -> tuple[Health, ...]:
        """How each endpoint stands, in the operator's order."""
        return tuple(self._session.breakers.health(url) for url in self._urls)

    @property
    def is_resting(self) -> bool:
        """Whether nothing is to be asked that nobody waits for: contact is frozen, or an endpoint in trouble."""
        return self._session.is_frozen or any(one.state is not State.CLOSED for one in self.endpoints)

    @property
    def is_out_of_reach(self) -> bool:
        """Whether nothing can be asked just now: contact is frozen, or every endpoint is left alone."""
        return self._session.is_frozen or all(one.state is not State.CLOSED for one in self.endpoints)

    @property
    def credentials(self) -> Credentials:
        """Whom the upstream is asked as."""
        return self._credentials

    async def head_manifest(
        self, repository: str, reference: str, accept: str = ACCEPT, known: Digest | None = None
    ) -> ManifestHead:
        """What is said of a manifest, which is sent only if need be, and not at all if it is still `known`.

        Absent has the code MANIFEST_UNKNOWN.
        """
        question = _manifest("head_manifest", "HEAD", repository, reference, accept)
        limit = self._limits.manifest_size
        return await self._endpoints.first(lambda endpoint: heads.manifest(endpoint, question, limit, known))

    async def peek_manifest(self, repository: str, reference: str, accept: str = ACCEPT) -> ManifestHead:
        """What a HEAD says of a manifest, and nothing else is asked: where pulls are counted, this is none.

        Absent, Denied and Nonsense may be the method's fault: there are registries that answer it so.
        """
        question = _manifest("head_manifest", "HEAD", repository, reference, accept)
        return await self._endpoints.first(lambda endpoint: heads.peeked(endpoint, question))

    async def manifest(self, repository: str, reference: str, accept: str = ACCEPT) -> ManifestBody:
        """A manifest, of at most `manifest_size` bytes. Absent has the code MANIFEST_UNKNOWN."""
        question = _manifest("manifest", "GET", repository, reference, accept)

        async def attempt(endpoint: Endpoint) -> ManifestBody:
            return await answers.manifest_body(await endpoint.ask(question), self._limits.manifest_size, reference)

        return await self._endpoints.first(attempt)

    async def head_blob(self, repository: str, digest: Digest, held: int | None = None) -> int | None:
        """The blob's size, None if the upstream has it and does not say. Absent has the code BLOB_UNKNOWN.

        `held`: the size that it is known to have. Who names another one does not have it: Nonsense.
        """
        question = Question("head_blob", "HEAD", repository, f"blobs/{digest}", Code.BLOB_UNKNOWN)
        size = await self._endpoints.first(lambda endpoint: heads.blob_size(endpoint, question, held))
        heads.see_that_sizes_agree(self.name, size, held)
        return size

    def blob(
        self, repository: str, digest: Digest, offset: int = 0, stop: int | None = None
    ) -> AbstractAsyncContextManager[BlobBody]:
        """The blob's bytes from `offset` on, up to `stop`, or all of them if the upstream does not do ranges.

        Leaving the context ends the transfer. Absent has the code BLOB_UNKNOWN.
        """
        return self._blob(repository, digest, offset, stop)

    async def tags(self, repository: str, n: int | None = None, last: str | None = None) -> TagsPage:
        """One page of tags: at most `n`, behind the tag `last`, as far as the upstream heeds these; or all of them.

        Absent has the code NAME_UNKNOWN. All of them may take a minute.
        """
        return await self._tag_pages.page(repository, n, last)

    async def referrers(self, repository: str, digest: Digest) -> tuple[Referrer, ...] | None:
        """All that refers to the manifest; None when the upstream does not have the referrers API.

        Absent (MANIFEST_UNKNOWN) when it says 404, which may mean the same. All of them may take half a minute.
        """
        return await self._referrer_pages.whole(repository, digest)

    def _may_ask_again(self) -> bool:
        """Whether a pull limit leaves something to ask with once more: a manifest that broke off has been counted."""
        budget = self.budget
        return budget is None or budget.remaining > 0

    @asynccontextmanager
    async def _blob(self, repository: str, digest: Digest, offset: int, stop: int | None) -> AsyncIterator[BlobBody]:
        last = "" if stop is None else stop - 1
        headers = {} if offset == 0 and stop is None else {"Range": f"bytes={offset}-{last}"}
        question = Question("blob", "GET", repository, f"blobs/{digest}", Code.BLOB_UNKNOWN, headers=headers)

        async def attempt(endpoint: Endpoint) -> tuple[Response, BlobBody]:
            response = await endpoint.ask(question)
            try:
                source = Source(self.name, lambda: self._endpoints.failed(endpoint), self._session.download)
                return response, BlobBody(source, response, offset, stop)
            except Nonsense:
                response.close()
                raise

        response, body = await (self._endpoints.rest(attempt) if offset else self._endpoints.first(attempt))
        try:
            yield body
        finally:
            response.close()


def _opened(upstream: Upstream, keys: Keys, session: Transport, limits: Limits) -> list[Endpoint]:
    """The configured endpoints. Those that the account is not for are asked by nobody in particular."""
    name, urls = session.name, base_urls(session.name, upstream)
    strangers = replace(keys, credentials=Credentials(name, Upstream()))
    known = holders(name, urls) if keys.credentials.configured else frozenset(urls)
    endpoints = []
    for url in urls:
        certified = upstream.client_certificate is not None
        door = Door(name, url, frozenset(upstream.realms), upstream.insecure, certified)
        access = Access(door, keys if url in known else strangers)
        endpoints.append(Endpoint(url, access, session, limits.redirects))
    return endpoints


def _manifest(operation: str, method: str, repository: str, reference: str, accept: str) -> Question:
    path = f"manifests/{reference}"
    return Question(operation, method, repository, path, Code.MANIFEST_UNKNOWN, headers={"Accept": accept})
