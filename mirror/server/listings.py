"""Lists as answers: JSON documents, and the way to their next page on this mirror. Looks nothing up."""

from __future__ import annotations

import orjson
from aiohttp import web
from multidict import CIMultiDict

from mirror.oci import pagination
from mirror.oci.endpoint import Query, TagsEndpoint
from mirror.oci.media_types import OCI_INDEX
from mirror.outcome import Outcome
from mirror.pull.content import Answer
from mirror.pull.referrers import FoundReferrers
from mirror.pull.repositories import RepositoryList
from mirror.pull.searches import FoundRepositories, SearchQuestion
from mirror.pull.tag_lists import TagList
from mirror.server.exchange import Exchange
from mirror.server.headers import headers_of, matches
from mirror.server.responses import json_response


async def tags_response(exchange: Exchange, endpoint: TagsEndpoint, query: Query, found: TagList) -> web.StreamResponse:
    """https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-tags"""
    headers = headers_of(exchange, found.answer)
    if found.more and found.names:
        _lead_on(exchange, headers, query, query.n or len(found.names), found.names[-1])
    return await json_response(exchange, headers, orjson.dumps({"name": endpoint.name, "tags": found.names}))


async def referrers_response(exchange: Exchange, query: Query, found: FoundReferrers) -> web.StreamResponse:
    """https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers; 304 for who has it."""
    headers = headers_of(exchange, found.answer)
    headers["ETag"] = etag = f'"{found.digest}"'
    if query.artifact_type is not None:
        headers["OCI-Filters-Applied"] = "artifactType"
    if matches(exchange.request.headers.getall("If-None-Match", ()), etag):
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = OCI_INDEX
    return await json_response(exchange, headers, found.body)


async def catalog_response(exchange: Exchange, query: Query, found: RepositoryList) -> web.StreamResponse:
    """https://distribution.github.io/distribution/spec/api/#listing-repositories, which Podman still searches by."""
    headers = headers_of(exchange, Answer(Outcome.HIT))
    if found.more:
        _lead_on(exchange, headers, query, len(found.names), found.names[-1])
    return await json_response(exchange, headers, orjson.dumps({"repositories": found.names}))


async def search_response(
    exchange: Exchange, query: Query, question: SearchQuestion, found: FoundRepositories
) -> web.StreamResponse:
    """What Docker and Podman read: the members that Docker Hub's own search has."""
    document = {
        "num_results": found.total,
        "query": query.term,
        "page": question.page,
        "page_size": question.n,
        "num_pages": -(-found.total // question.n),
        "results": [
            {
                "name": result.name,
                "description": result.description,
                "star_count": result.stars,
                "is_official": result.official,
                "is_automated": result.automated,
            }
            for result in found.results
        ],
    }
    return await json_response(exchange, headers_of(exchange, found.answer), orjson.dumps(document))


def _lead_on(exchange: Exchange, headers: CIMultiDict[str], query: Query, n: int, last: str) -> None:
    path = exchange.request.raw_path.partition("?")[0]
    headers["Link"] = pagination.link_header(path, n, last, query.ns)
