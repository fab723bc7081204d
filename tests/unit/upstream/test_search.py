"""A registry's search: what is asked, by whom, and how little of a stranger's answer is handed on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr
from yarl import URL

from mirror.config.settings import Upstream
from mirror.errors import Code, Nonsense, Throttled, Unreachable, UpstreamError
from mirror.upstream.search import Search, SearchPage, SearchResult, Wanted, read, searched
from mirror.upstream.transport import Transport
from tests.support.faults import Never
from tests.support.raw import RawUpstream, Script, Until, answer, redirect
from tests.support.upstreams import LIMITS

WANTED = Wanted("two words&n=9", 25, 2)
ALPINE = {"name": "alpine", "description": "small", "star_count": 5, "is_official": True, "is_automated": False}


def found(*entries: object, **members: object) -> bytes:
    return json.dumps({"num_results": len(entries), "results": list(entries), **members}).encode()


def answered(body: bytes, status: str = "200 OK", *headers: str) -> Script:
    return [answer(status, [f"Content-Length: {len(body)}", *headers], body)]


@asynccontextmanager
async def searching(server: RawUpstream, path: str = "") -> AsyncIterator[Search]:
    known = Upstream(username="canary-user", password=SecretStr("canary-password"), insecure=True)
    base = server.url + path
    search = Search(URL(base), LIMITS, Transport("fake", searched(known, base), LIMITS))
    try:
        yield search
    finally:
        await search.aclose()


async def test_the_term_is_asked_for_as_it_is_and_nobody_is_named() -> None:
    async with RawUpstream(answered(found(ALPINE))) as server, searching(server, "/base/") as search:
        assert await search.find(WANTED) == SearchPage((SearchResult("alpine", "small", 5, True),), 1)
        (seen,) = server.requests
        assert (seen.method, seen.path) == ("GET", "/base/v1/search")
        assert URL(seen.target).query == {"q": "two words&n=9", "n": "25", "page": "2"}
        assert "authorization" not in seen.headers
        assert "canary" not in str(seen)


def test_the_search_host_knows_nothing_of_the_account() -> None:
    known = Upstream(
        username="canary-user",
        password=SecretStr("canary-password"),
        client_certificate="/c.pem",  # type: ignore[arg-type]
        client_key="/k.pem",  # type: ignore[arg-type]
        ca_file="/ca.pem",  # type: ignore[arg-type]
        realms=("auth.example",),
    )
    given = searched(known, "https://search.example")
    assert given.endpoints == ("https://search.example",)
    assert given.ca_file == known.ca_file
    assert (given.username, given.password, given.client_certificate, given.client_key) == (None, None, None, None)
    assert given.realms == ()


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (answered(b"", "503 No"), Unreachable),
        (answered(b"", "429 Slower", "Retry-After: 7"), Throttled),
        (answered(b"", "404 Not Found"), UpstreamError),
        (answered(b"<html>"), Nonsense),
        (answered(b"{}"), Nonsense),
        (answered(b'{"results":{}}'), Nonsense),
        (answered(b" " * (1024 * 1024 + 1)), Nonsense),
        (redirect("http://127.0.0.1:1/v1/search"), Nonsense),
    ],
)
async def test_what_is_no_result_is_an_error(script: Script, error: type[UpstreamError]) -> None:
    async with RawUpstream(script) as server, searching(server) as search:
        with pytest.raises(error):
            await search.find(WANTED)
        assert len(server.requests) == 1


async def test_a_search_has_its_limit_of_time() -> None:
    async with RawUpstream([Until(Never())]) as server, searching(server) as search:
        with pytest.raises(Unreachable) as caught:
            await search.find(WANTED)
    assert caught.value.code is Code.TIMEOUT


def one(entry: object) -> tuple[SearchResult, ...]:
    page = read(found(entry))
    assert page is not None
    return page.results


@pytest.mark.parametrize("name", ["", "A", "../x", "a b", "a\u001b[2J", "http://x/", "a:latest", None, 5, "a" * 300])
def test_what_has_no_name_that_can_be_is_left_out(name: object) -> None:
    assert one(ALPINE | {"name": name}) == ()


@pytest.mark.parametrize("entry", [None, 1, "alpine", [], {}])
def test_what_is_no_result_is_left_out(entry: object) -> None:
    assert one(entry) == ()


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("plain", "plain"),
        ("two\n lines\t", "two lines"),
        ("\u001b[2Jcleared\u0007", "[2Jcleared"),
        ("\u202egnol", "gnol"),
        ("x" * 10_000, "x" * 500),
        (None, ""),
        ({"a": 1}, ""),
    ],
)
def test_a_description_is_one_short_line_that_does_nothing_to_a_terminal(sent: object, shown: str) -> None:
    assert one(ALPINE | {"description": sent})[0].description == shown


@pytest.mark.parametrize(("sent", "shown"), [(7, 7), (-1, 0), (10**18, 10**9), (True, 0), ("5", 0), (1.5, 0)])
def test_a_number_is_one_that_can_be(sent: object, shown: int) -> None:
    page = read(found(ALPINE | {"star_count": sent}, num_results=sent))
    assert page == SearchPage((SearchResult("alpine", "small", shown, True),), max(shown, 1))


@pytest.mark.parametrize("sent", ["true", 1, None])
def test_only_true_is_true(sent: object) -> None:
    (result,) = one(ALPINE | {"is_official": sent, "is_automated": sent})
    assert (result.official, result.automated) == (False, False)


def test_there_are_at_most_a_hundred_results_and_at_least_as_many_as_are_shown() -> None:
    page = read(found(*[ALPINE] * 150, num_results=3))
    assert page is not None
    assert (len(page.results), page.total) == (100, 100)
