"""Lists as answers: what stands in them and in their headers, and where their next page is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import web

from mirror.oci import endpoint as endpoints
from mirror.oci.digest import Digest
from mirror.oci.endpoint import TagsEndpoint
from mirror.oci.media_types import OCI_INDEX
from mirror.outcome import Outcome
from mirror.pull.content import Answer
from mirror.pull.freshness import Policy
from mirror.pull.referrers import FoundReferrers
from mirror.pull.repositories import RepositoryList
from mirror.pull.searches import FoundRepositories, SearchQuestion
from mirror.pull.tag_lists import TagList
from mirror.pull.upstreams import Rule, Upstream
from mirror.server.listings import catalog_response, referrers_response, search_response, tags_response
from mirror.upstream.search import SearchResult
from tests.support.answering import exchange_of
from tests.support.pulling import pulling

MISS = Answer(Outcome.MISS)
STALE = Answer(Outcome.STALE, 0.0, "nobody can be asked")
INDEX = b'{"manifests":[]}'
ETAG = f'"{Digest.of(INDEX)}"'


def content(response: web.StreamResponse) -> Any:
    assert isinstance(response, web.Response)
    assert isinstance(response.body, bytes)
    return json.loads(response.body)


@pytest.mark.parametrize(
    ("target", "found", "link"),
    [
        ("/v2/a/tags/list", TagList(("x", "y"), False, MISS), None),
        ("/v2/a/tags/list", TagList(("x", "y"), True, MISS), '</v2/a/tags/list?n=2&last=y>; rel="next"'),
        ("/v2/a/tags/list?n=0", TagList((), True, MISS), None),
        (
            "/v2/a/tags/list?n=1&ns=quay.io",
            TagList(("x",), True, STALE),
            '</v2/a/tags/list?n=1&last=x&ns=quay.io>; rel="next"',
        ),
    ],
)
async def test_tags_lead_to_more_tags(target: str, found: TagList, link: str | None) -> None:
    path, _, query = target.partition("?")
    endpoint = endpoints.parse(path)
    assert isinstance(endpoint, TagsEndpoint)
    response = await tags_response(exchange_of("GET", target), endpoint, endpoints.parse_query(query), found)
    assert response.headers.get("Link") == link
    assert content(response) == {"name": "a", "tags": list(found.names)}
    assert response.headers.get("Warning") == (None if found.answer is MISS else '299 - "nobody can be asked"')


REFERRERS = f"/v2/a/referrers/{Digest.of(b'')}"


@pytest.mark.parametrize(("query", "applied"), [("", None), ("artifactType=a/b", "artifactType"), ("ns=quay.io", None)])
async def test_referrers_are_an_index_that_says_whether_it_was_filtered(query: str, applied: str | None) -> None:
    exchange = exchange_of("GET", f"{REFERRERS}?{query}")
    found = FoundReferrers(INDEX, Digest.of(INDEX), STALE)
    response = await referrers_response(exchange, endpoints.parse_query(query), found)
    assert isinstance(response, web.Response)
    assert (response.status, response.body, exchange.outcome) == (200, INDEX, Outcome.STALE)
    assert (response.headers["Content-Type"], response.headers["ETag"]) == (OCI_INDEX, ETAG)
    assert response.headers.get("OCI-Filters-Applied") == applied
    assert response.headers["Warning"] == '299 - "nobody can be asked"'
    assert int(response.headers["Age"]) > 0


OTHER = 'If-None-Match: "x"'


@pytest.mark.parametrize(
    ("lines", "status"),
    [((f"If-None-Match: {ETAG}",), 304), ((OTHER,), 200), ((OTHER, f"If-None-Match: {ETAG}"), 304)],
)
async def test_who_has_the_list_is_told_so(lines: tuple[str, ...], status: int) -> None:
    found = FoundReferrers(INDEX, Digest.of(INDEX), MISS)
    response = await referrers_response(exchange_of("GET", REFERRERS, *lines), endpoints.parse_query(""), found)
    assert (response.status, response.headers["ETag"]) == (status, ETAG)
    assert ("Content-Type" in response.headers) == (status == 200)


async def test_a_head_says_how_long_the_list_is() -> None:
    found = FoundReferrers(INDEX, Digest.of(INDEX), MISS)
    exchange = exchange_of("HEAD", REFERRERS)
    response = await referrers_response(exchange, endpoints.parse_query(""), found)
    assert (response.headers["Content-Length"], exchange.sent) == (str(len(INDEX)), 0)


@pytest.mark.parametrize(
    ("query", "more", "link"),
    [
        ("", False, None),
        ("", True, '</v2/_catalog?n=2&last=b%2Fc>; rel="next"'),
        ("n=99999999&ns=quay.io", True, '</v2/_catalog?n=2&last=b%2Fc&ns=quay.io>; rel="next"'),
    ],
)
async def test_the_catalogue_leads_to_more_of_it(query: str, more: bool, link: str | None) -> None:
    exchange = exchange_of("GET", f"/v2/_catalog?{query}")
    response = await catalog_response(exchange, endpoints.parse_query(query), RepositoryList(("a", "b/c"), more))
    assert content(response) == {"repositories": ["a", "b/c"]}
    assert response.headers.get("Link") == link
    assert exchange.outcome is Outcome.HIT


async def test_what_was_found_is_told_as_docker_reads_it(tmp_path: Any) -> None:
    async with pulling(tmp_path, one="http://127.0.0.1:1") as pull:
        upstream = Upstream("docker.io", pull.target().upstream.registry, Policy(1, 1, 1))
        question = SearchQuestion(upstream, Rule.DEFAULT, "term", 10, 2)
        found = FoundRepositories((SearchResult("a/b", "words", 5, True, False),), 31, STALE)
        exchange = exchange_of("GET", "/v1/search?q=x")
        response = await search_response(exchange, endpoints.parse_query("q=x"), question, found)
    assert content(response) == {
        "num_results": 31,
        "query": "x",
        "page": 2,
        "page_size": 10,
        "num_pages": 4,
        "results": [
            {"name": "a/b", "description": "words", "star_count": 5, "is_official": True, "is_automated": False}
        ],
    }
    assert response.headers["Warning"] == '299 - "nobody can be asked"'
