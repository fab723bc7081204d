"""The endpoints of the registry API, one function each: what is asked is looked up in the pull, and made an answer."""

from __future__ import annotations

import orjson
from aiohttp import web

from mirror.errors import Code, Refused
from mirror.oci import pagination
from mirror.oci.endpoint import (
    BlobEndpoint,
    Endpoint,
    ManifestEndpoint,
    Ping,
    Query,
    RepositoryEndpoint,
    TagsEndpoint,
)
from mirror.outcome import Outcome
from mirror.pull.content import Answer
from mirror.pull.manifests import Question
from mirror.pull.pulls import Pulls
from mirror.pull.upstreams import Asked, Target
from mirror.server.exchange import Exchange
from mirror.server.headers import headers_of
from mirror.server.responses import blob_response, manifest_response

_JSON = "application/json"
_BYPASS = Answer(Outcome.BYPASS)


class Handlers:
    """The registry API. `stall`: seconds that a client may take nothing of a body."""

    def __init__(self, pulls: Pulls, stall: float) -> None:
        self._pulls = pulls
        self._stall = stall

    async def answer(self, exchange: Exchange, endpoint: Endpoint, query: Query) -> web.StreamResponse:
        """The answer to a GET or a HEAD. Raises MirrorError. May be cancelled."""
        match endpoint:
            case ManifestEndpoint():
                return await self._manifest(exchange, endpoint, query)
            case BlobEndpoint():
                return await self._blob(exchange, endpoint, query)
            case TagsEndpoint():
                return await self._tags(exchange, endpoint, query)
            case Ping():
                return self._ping(exchange)
            case _:
                # A client that hears 404 of referrers looks for the tag that stands for them; an empty list would
                # tell it that there are none, which nobody has found out.
                raise Refused("this mirror does not have that endpoint", code=Code.NOT_FOUND)

    def _ping(self, exchange: Exchange) -> web.StreamResponse:
        exchange.kind = "ping"
        headers = headers_of(exchange, _BYPASS)
        headers["Content-Type"] = _JSON
        exchange.sent = 2
        return web.Response(headers=headers, body=b"{}")

    async def _manifest(self, exchange: Exchange, endpoint: ManifestEndpoint, query: Query) -> web.StreamResponse:
        exchange.kind = "manifest"
        exchange.reference = str(endpoint.reference)
        target = self._target(exchange, endpoint, query)
        request = exchange.request
        question = Question(target, endpoint.reference, request.headers.getall("Accept", ()), request.method != "HEAD")
        manifests = self._pulls.manifests
        found = manifests.recall(question) or await manifests.find(question)
        return manifest_response(exchange, found)

    async def _blob(self, exchange: Exchange, endpoint: BlobEndpoint, query: Query) -> web.StreamResponse:
        exchange.kind = "blob"
        exchange.reference = str(endpoint.digest)
        target = self._target(exchange, endpoint, query)
        blobs = self._pulls.blobs
        found = blobs.recall(target, endpoint.digest)
        if found is None:
            head = exchange.request.method == "HEAD"
            found = await (blobs.head if head else blobs.find)(target, endpoint.digest)
        return await blob_response(exchange, found, self._stall)

    async def _tags(self, exchange: Exchange, endpoint: TagsEndpoint, query: Query) -> web.StreamResponse:
        exchange.kind = "tags"
        target = self._target(exchange, endpoint, query)
        tags = await self._pulls.tag_lists.find(target, query.n, query.last)
        headers = headers_of(exchange, tags.answer)
        headers["Content-Type"] = _JSON
        if tags.more and tags.names:
            path = exchange.request.raw_path.partition("?")[0]
            headers["Link"] = pagination.link_header(path, query.n or len(tags.names), tags.names[-1], query.ns)
        body = orjson.dumps({"name": endpoint.name, "tags": tags.names})
        exchange.sent = len(body)
        return web.Response(headers=headers, body=body)

    def _target(self, exchange: Exchange, endpoint: RepositoryEndpoint, query: Query) -> Target:
        asked = Asked(query.ns, exchange.request.headers.get("Host"), endpoint.host, endpoint.repository)
        target = self._pulls.upstreams.target(asked)
        exchange.upstream, exchange.repository, exchange.namespace = target.name, target.repository, query.ns
        return target
