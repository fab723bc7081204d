"""The endpoints of the registry API, one function each: what is asked is looked up in the pull, and made an answer."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from aiohttp import web

from mirror.errors import Code, Refused
from mirror.oci import byte_range
from mirror.oci.byte_range import ByteRange
from mirror.oci.endpoint import (
    BlobEndpoint,
    CatalogEndpoint,
    Endpoint,
    ManifestEndpoint,
    Ping,
    Query,
    ReferrersEndpoint,
    RepositoryEndpoint,
    SearchEndpoint,
    SearchPing,
    TagsEndpoint,
)
from mirror.outcome import Outcome
from mirror.pull.content import Answer, FoundManifest
from mirror.pull.manifests import Question
from mirror.pull.pulls import Pulls
from mirror.pull.referrer_sources import ReferrersQuestion
from mirror.pull.repositories import Repositories
from mirror.pull.turns import Wish
from mirror.pull.upstreams import Asked, Rule, Target, Upstream
from mirror.server.access import Clients
from mirror.server.exchange import Exchange, Lasting
from mirror.server.headers import headers_of
from mirror.server.listings import catalog_response, referrers_response, search_response, tags_response
from mirror.server.no_cache import wants_no_old_answer
from mirror.server.responses import blob_response, json_response, manifest_response
from mirror.server.uploads import Uploads

_BYPASS = Answer(Outcome.BYPASS)
_PING = Lasting(None, b"{}")


class Handlers:
    """The registry API. `clients` tells their addresses; `told` is what the catalogue lists, None for no catalogue.

    `uploads`: what clients may take of the line with blobs that are sent from files.
    """

    def __init__(
        self,
        pulls: Pulls,
        clients: Clients | None = None,
        told: Repositories | None = None,
        uploads: Uploads | None = None,
    ) -> None:
        self._pulls = pulls
        self._clients = clients or Clients(())
        self._told = told
        self._uploads = uploads or Uploads()

    async def answer(self, exchange: Exchange, endpoint: Endpoint, query: Query) -> web.StreamResponse:
        """The answer to a GET or a HEAD. Raises MirrorError. May be cancelled."""
        match endpoint:
            case ManifestEndpoint():
                return await self._manifest(exchange, endpoint, query)
            case BlobEndpoint():
                return await self._blob(exchange, endpoint, query)
            case TagsEndpoint():
                return await self._tags(exchange, endpoint, query)
            case ReferrersEndpoint():
                return await self._referrers(exchange, endpoint, query)
            case CatalogEndpoint():
                return await self._catalog(exchange, query)
            case SearchEndpoint():
                return await self._search(exchange, query)
            case SearchPing():
                return await self._search_ping(exchange)
            case Ping():
                return await self._ping(exchange)

    async def _ping(self, exchange: Exchange) -> web.StreamResponse:
        exchange.kind = "ping"
        exchange.lasting = _PING
        return await json_response(exchange, headers_of(exchange, _BYPASS), _PING.body)

    async def _search_ping(self, exchange: Exchange) -> web.StreamResponse:
        """What Docker wants to hear before it searches: a registry that needs no separate index."""
        exchange.kind = "ping"
        headers = headers_of(exchange, _BYPASS)
        headers["X-Docker-Registry-Standalone"] = "true"
        return await json_response(exchange, headers, b"true")

    async def _manifest(self, exchange: Exchange, endpoint: ManifestEndpoint, query: Query) -> web.StreamResponse:
        exchange.kind = "manifest"
        exchange.reference = str(endpoint.reference)
        target = self._target(exchange, endpoint, query)
        request = exchange.request
        question = Question(
            target,
            endpoint.reference,
            request.headers.getall("Accept", ()),
            body=request.method != "HEAD",
            no_cache=wants_no_old_answer(request.headers),
            client=self._client(exchange),
        )
        manifests = self._pulls.manifests
        found = manifests.recall(question)
        if found is not None:
            exchange.lasting = _lasting(question, found)
        else:
            # What has to be looked for may be a variant for this client alone: it does not last.
            found = await manifests.find(question)
        self._pulls.given(target, found.manifest)
        if question.body:
            self._pulls.images.note(target, found.manifest)
        return await manifest_response(exchange, endpoint.reference, found)

    async def _blob(self, exchange: Exchange, endpoint: BlobEndpoint, query: Query) -> web.StreamResponse:
        exchange.kind = "blob"
        exchange.reference = str(endpoint.digest)
        target = self._target(exchange, endpoint, query)
        blobs = self._pulls.blobs
        found = blobs.recall(target, endpoint.digest)
        if found is not None and isinstance(found.content, bytes):
            exchange.lasting = Lasting(exchange.reference, found.content, checked=found.answer.checked)
        if exchange.request.method == "HEAD":
            return await blob_response(exchange, found or await blobs.head(target, endpoint.digest))
        with self._visit(exchange, target, endpoint):
            if found is None:
                size = self._pulls.images.size(target, endpoint.digest)
                found = await blobs.find(target, endpoint.digest, Wish(self._client(exchange), size))
            if self._uploads.limited:
                exchange.bandwidth = self._uploads.of(self._client(exchange))
            return await blob_response(exchange, found)

    def _visit(self, exchange: Exchange, target: Target, endpoint: BlobEndpoint) -> AbstractContextManager[None]:
        """Note that a client pulls an image. One that asks for a part of a blob may want no more: a lazy puller."""
        asked = byte_range.parse(*exchange.request.headers.getall("Range", ()))
        whole = asked is None or asked == ByteRange(first=0)  # as containerd writes it
        return self._pulls.prefetch.visit(target, endpoint.digest) if whole else nullcontext()

    async def _tags(self, exchange: Exchange, endpoint: TagsEndpoint, query: Query) -> web.StreamResponse:
        exchange.kind = "tags"
        target = self._target(exchange, endpoint, query)
        found = await self._pulls.tag_lists.find(target, query.n, query.last)
        return await tags_response(exchange, endpoint, query, found)

    async def _referrers(self, exchange: Exchange, endpoint: ReferrersEndpoint, query: Query) -> web.StreamResponse:
        exchange.kind = "referrers"
        exchange.reference = str(endpoint.digest)
        target = self._target(exchange, endpoint, query)
        question = ReferrersQuestion(target, endpoint.digest, query.artifact_type, self._client(exchange))
        return await referrers_response(exchange, query, await self._pulls.referrers.find(question))

    async def _catalog(self, exchange: Exchange, query: Query) -> web.StreamResponse:
        exchange.kind = "catalog"
        if self._told is None:
            raise Refused("this mirror does not tell what it holds", code=Code.NOT_FOUND)
        scope = self._scope(exchange, query)
        return await catalog_response(exchange, query, await self._told.page(scope, query.n, query.last))

    async def _search(self, exchange: Exchange, query: Query) -> web.StreamResponse:
        exchange.kind = "search"
        searches = self._pulls.searches
        question = searches.question(self._scope(exchange, query), query.term, query.n, query.page)
        exchange.upstream = question.upstream.name
        return await search_response(exchange, query, question, await searches.find(question))

    def _client(self, exchange: Exchange) -> str:
        request = exchange.request
        return self._clients.address(request.remote or "-", request.headers.getall("X-Forwarded-For", ()))

    def _scope(self, exchange: Exchange, query: Query) -> tuple[Upstream, Rule]:
        """The upstream that a request means which is about no repository."""
        upstream, rule = self._pulls.upstreams.scope(query.ns, exchange.request.headers.get("Host"))
        if rule is not Rule.DEFAULT:
            exchange.upstream = upstream.name
        exchange.namespace = query.ns
        return upstream, rule

    def _target(self, exchange: Exchange, endpoint: RepositoryEndpoint, query: Query) -> Target:
        asked = Asked(query.ns, exchange.request.headers.get("Host"), endpoint.host, endpoint.repository)
        try:
            target = self._pulls.upstreams.target(asked)
        except Refused as error:
            if error.code is Code.DENIED:
                exchange.namespace = query.ns  # it is one of ours, only this repository of it is not served
            raise
        exchange.upstream, exchange.repository, exchange.namespace = target.name, target.repository, query.ns
        return target


def _lasting(question: Question, found: FoundManifest) -> Lasting | None:
    """By tag it lasts as long as the tag is fresh, for clients that take its type; by digest always, for everybody.

    Not by tag where a client's `no-cache` is honoured: whoever repeats such an answer looks at no header.
    """
    manifest, answer = found.manifest, found.answer
    if manifest.body is None:
        return None
    if isinstance(question.reference, str):
        if question.target.upstream.policy.honours_no_cache:
            return None  # each request has to be looked at
        return Lasting(str(manifest.digest), manifest.body, manifest.media_type, answer.checked, answer.until)
    return Lasting(str(manifest.digest), manifest.body, checked=answer.checked)
