"""Lists of referrers from registries that have the API, that do not, and that answer what cannot be used."""

from __future__ import annotations

import json

import pytest

from mirror.config.settings import Upstream
from mirror.errors import Absent, Code, Denied, Nonsense, Throttled, Unreachable, UpstreamError
from mirror.oci.digest import Digest
from mirror.oci.media_types import OCI_INDEX, OCI_MANIFEST
from mirror.oci.referrers import Referrer
from mirror.upstream.endpoints import Endpoints
from mirror.upstream.referrer_pages import ReferrerPages
from tests.support.faults import Never
from tests.support.raw import Close, RawUpstream, Script, Until, answer
from tests.support.upstreams import LIMITS, Setting, endpoint, opened

SUBJECT = Digest.of(b"subject")
TYPE = "application/vnd.example.signature.v1"


def referrer(name: str) -> Referrer:
    return Referrer(OCI_MANIFEST, str(Digest.of(name.encode())), 5, TYPE)


def listed(*names: str, following: str | None = None, content_type: str = OCI_INDEX) -> Script:
    """A page with a referrer for each name, and the target of the next page."""
    entries = [
        {"mediaType": one.media_type, "digest": one.digest, "size": one.size, "artifactType": one.artifact_type}
        for one in map(referrer, names)
    ]
    body = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()
    link = [] if following is None else [f'Link: <{following}>; rel="next"']
    return [answer("200 OK", [f"Content-Length: {len(body)}", f"Content-Type: {content_type}", *link], body)]


def said(status: str, *headers: str) -> Script:
    return [answer(status, ["Content-Length: 0", *headers])]


def _of(*servers: RawUpstream) -> Upstream:
    return Upstream(endpoints=tuple(one.url for one in servers))


async def test_the_list_is_asked_for_without_a_filter() -> None:
    async with RawUpstream(listed("a", "b")) as server, opened(_of(server)) as registry:
        assert await registry.referrers("a/b", SUBJECT) == (referrer("a"), referrer("b"))
        (seen,) = server.requests
        assert (seen.method, seen.target) == ("GET", f"/v2/a/b/referrers/{SUBJECT}")
        assert seen.headers["accept"] == OCI_INDEX


async def test_a_page_that_breaks_off_is_asked_for_again() -> None:
    broken: Script = [answer("200 OK", ["Content-Length: 500"], b"{"), Close()]
    pages = (broken, listed("a", following="?last=a"), broken, listed("b"))
    async with RawUpstream(*pages) as server, opened(_of(server)) as registry:
        assert await registry.referrers("a/b", SUBJECT) == (referrer("a"), referrer("b"))
        assert [seen.query for seen in server.requests] == ["", "", "last=a", "last=a"]


async def test_an_empty_list_is_an_answer() -> None:
    async with RawUpstream(listed()) as server, opened(_of(server)) as registry:
        assert await registry.referrers("a/b", SUBJECT) == ()


async def test_a_list_of_many_is_read_like_one_of_few() -> None:
    names = [str(number) for number in range(600)]
    async with RawUpstream(listed(*names)) as server, opened(_of(server)) as registry:
        assert await registry.referrers("a/b", SUBJECT) == tuple(map(referrer, names))


@pytest.mark.parametrize(
    "target", ["?page=2", "http://169.254.169.254/x?page=2", "//elsewhere.test/?page=2", "/v2/c/d/referrers/x?page=2"]
)
async def test_all_pages_are_one_list_and_of_a_link_only_the_query_counts(target: str) -> None:
    scripts = listed("a", "b", following=target), listed("b", "c", following="?page=3"), listed("d")
    async with RawUpstream(*scripts) as server, opened(_of(server)) as registry:
        assert await registry.referrers("a/b", SUBJECT) == tuple(map(referrer, "abcd"))
        assert [seen.path for seen in server.requests] == [f"/v2/a/b/referrers/{SUBJECT}"] * 3
        assert [seen.query for seen in server.requests] == ["", "page=2", "page=3"]


async def test_pages_that_go_round_in_a_circle_have_an_end() -> None:
    scripts = listed("a", following="?page=2"), listed("b", following="?page=2")
    async with RawUpstream(*scripts) as server, opened(_of(server)) as registry:
        assert await registry.referrers("a/b", SUBJECT) == (referrer("a"), referrer("b"))
        assert len(server.requests) == 2


@pytest.mark.parametrize("status", ["400 Bad Request", "405 Method Not Allowed", "406 Not Acceptable", "501 No"])
async def test_a_registry_that_does_not_know_the_question_has_no_list_and_is_not_ill(status: str) -> None:
    async with RawUpstream(said(status)) as one, RawUpstream(listed("a")) as two:
        async with opened(_of(one, two)) as registry:
            for _ in range(2):
                assert await registry.referrers("a/b", SUBJECT) is None
        assert (len(one.requests), len(two.requests)) == (2, 0)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("404 Not Found", Absent),
        ("401 Unauthorized", Denied),
        ("403 Forbidden", Denied),
        ("429 Too Many Requests", Throttled),
        ("500 Internal Server Error", Unreachable),
        ("503 Service Unavailable", Unreachable),
    ],
)
async def test_a_list_that_is_not_had_is_an_error(status: str, error: type[UpstreamError]) -> None:
    async with RawUpstream(said(status)) as server, opened(_of(server)) as registry:
        with pytest.raises(error):
            await registry.referrers("a/b", SUBJECT)


NOT_LISTS: dict[str, Script] = {
    "html": [answer("200 OK", ["Content-Length: 6", "Content-Type: text/html"], b"<html>")],
    "json": [answer("200 OK", ["Content-Length: 2", "Content-Type: application/json"], b"{}")],
    "another type": listed("a", content_type=OCI_MANIFEST),
    "a next page that cannot be told": listed("a", following="x"),
    "without an end": [answer("200 OK", [f"Content-Type: {OCI_INDEX}"], b"{}")],
}


@pytest.mark.parametrize("name", NOT_LISTS)
async def test_what_is_no_list_is_never_an_empty_one(name: str) -> None:
    async with RawUpstream(NOT_LISTS[name]) as server, opened(_of(server)) as registry:
        with pytest.raises(Nonsense):
            await registry.referrers("a/b", SUBJECT)


@pytest.mark.parametrize("status", ["404 Not Found", "400 Bad Request"])
async def test_half_a_list_is_none(status: str) -> None:
    async with RawUpstream(listed("a", following="?page=2"), said(status)) as server, opened(_of(server)) as registry:
        with pytest.raises(Nonsense):
            await registry.referrers("a/b", SUBJECT)
        assert len(server.requests) == 2


async def test_pages_without_end_are_nonsense() -> None:
    scripts = [listed(str(number), following=f"?page={number}") for number in range(200)]
    async with RawUpstream(*scripts) as server, opened(_of(server)) as registry:
        with pytest.raises(Nonsense, match="no end"):
            await registry.referrers("a/b", SUBJECT)
        assert len(server.requests) == 100


async def test_all_pages_together_are_no_longer_than_a_manifest_may_be() -> None:
    limits = LIMITS.model_copy(update={"manifest_size": 6000})
    page = [*(str(number) for number in range(20))]  # some 4000 bytes
    async with (
        RawUpstream(listed(*page, following="?page=2"), listed(*page)) as server,
        opened(_of(server), Setting(limits)) as registry,
    ):
        with pytest.raises(Nonsense, match="more than"):
            await registry.referrers("a/b", SUBJECT)
        assert len(server.requests) == 2


async def test_all_pages_together_have_a_limit_of_time() -> None:
    limits = LIMITS.model_copy(update={"first_byte_timeout": 30.0})
    async with (
        RawUpstream(listed("a", following="?page=2"), [Until(Never())]) as server,
        endpoint(_of(server), Setting(limits)) as one,
    ):
        pages = ReferrerPages("fake", Endpoints("fake", [one], 30.0), 5000, longest=0.2)
        with pytest.raises(Unreachable, match=r"no end within 0\.2 s") as caught:
            await pages.whole("a/b", SUBJECT)
    assert caught.value.code is Code.TIMEOUT


async def test_the_pages_are_of_the_endpoint_that_gave_the_first_one() -> None:
    first, trouble = listed("a", following="?page=2"), said("503 No")
    async with RawUpstream(first, trouble) as one, RawUpstream(listed("b")) as two, opened(_of(one, two)) as registry:
        with pytest.raises(Unreachable):
            await registry.referrers("a/b", SUBJECT)
        assert two.requests == []
