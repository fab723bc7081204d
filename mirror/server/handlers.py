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
from mirror.pull.content import Answer, FoundManifest
from mirror.pull.manifests import Question
from mirror.pull.pulls import Pulls
from mirror.pull.upstreams import Asked, Target
from mirror.server.exchange import Exchange, Lasting
from mirror.server.headers import headers_of
from mirror.server.responses import blob_response, json_response, manifest_response

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
                return await self._ping(exchange)
            case _:
                # A client that hears 404 of referrers looks for the tag that stands for them; an empty list would
                # tell it that there are none, which nobody has found out.
                raise Refused("this mirror does not have that endpoint", code=Code.NOT_FOUND)

    async def _ping(self, exchange: Exchange) -> web.StreamResponse:
        exchange.kind = "ping"
        return await json_response(exchange, headers_of(exchange, _BYPASS), b"{}")

    async def _manifest(self, exchange: Exchange, endpoint: ManifestEndpoint, query: Query) -> web.StreamResponse:
        exchange.kind = "manifest"
        exchange.reference = str(endpoint.reference)
        target = self._target(exchange, endpoint, query)
        request = exchange.request
        question = Question(target, endpoint.reference, request.headers.getall("Accept", ()), request.method != "HEAD")
        manifests = self._pulls.manifests
        found = manifests.recall(question)
        if found is not None:
            exchange.lasting = _lasting(question, found)
        else:
            # What has to be looked for may be a variant for this client alone: it does not last.
            found = await manifests.find(question)
        return await manifest_response(exchange, found)

    async def _blob(self, exchange: Exchange, endpoint: BlobEndpoint, query: Query) -> web.StreamResponse:
        exchange.kind = "blob"
        exchange.reference = str(endpoint.digest)
        target = self._target(exchange, endpoint, query)
        blobs = self._pulls.blobs
        found = blobs.recall(target, endpoint.digest)
        if found is not None and isinstance(found.content, bytes):
            exchange.lasting = Lasting(exchange.reference, found.content, checked=found.answer.checked)
        if found is None:
            head = exchange.request.method == "HEAD"
            found = await (blobs.head if head else blobs.find)(target, endpoint.digest)
        return await blob_response(exchange, found, self._stall)

    async def _tags(self, exchange: Exchange, endpoint: TagsEndpoint, query: Query) -> web.StreamResponse:
        exchange.kind = "tags"
        target = self._target(exchange, endpoint, query)
        tags = await self._pulls.tag_lists.find(target, query.n, query.last)
        headers = headers_of(exchange, tags.answer)
        if tags.more and tags.names:
            path = exchange.request.raw_path.partition("?")[0]
            headers["Link"] = pagination.link_header(path, query.n or len(tags.names), tags.names[-1], query.ns)
        return await json_response(exchange, headers, orjson.dumps({"name": endpoint.name, "tags": tags.names}))

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
    """By tag it lasts as long as the tag is fresh, for clients that take its type; by digest always, for everybody."""
    manifest, answer = found.manifest, found.answer
    if manifest.body is None:
        return None
    if isinstance(question.reference, str):
        return Lasting(str(manifest.digest), manifest.body, manifest.media_type, answer.checked, answer.until)
    return Lasting(str(manifest.digest), manifest.body, checked=answer.checked)
