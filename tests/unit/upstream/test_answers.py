from __future__ import annotations

import json

import pytest
from yarl import URL

from mirror.config.settings import Upstream
from mirror.errors import Interrupted, Nonsense, UpstreamError
from mirror.oci.digest import Digest
from mirror.upstream import answers
from mirror.upstream.answers import ManifestBody, ManifestHead, TagsListed
from mirror.upstream.report import Request
from tests.support.raw import Close, RawUpstream, Script, answer
from tests.support.upstreams import transport

DIGEST = Digest.of(b"{}")
SHA512 = Digest.of(b"{}", "sha512")


async def _head(*headers: str) -> ManifestHead:
    async with (
        RawUpstream([answer("200 OK", headers)]) as server,
        transport(Upstream(endpoints=(server.url,))) as session,
    ):
        response = await session.exchange(Request("head_manifest", "HEAD", URL(server.url)))
        response.close()
        return answers.manifest_head(response)


async def _tags(body: bytes, *headers: str) -> TagsListed:
    script = [answer("200 OK", [f"Content-Length: {len(body)}", *headers], body)]
    async with RawUpstream(script) as server, transport(Upstream(endpoints=(server.url,))) as session:
        response = await session.exchange(Request("tags", "GET", URL(f"{server.url}/v2/a/b/tags/list?n=2")))
        return await answers.tags_listed("fake", response, 1000)


async def test_a_head_tells_digest_type_and_size() -> None:
    head = await _head(
        f"Docker-Content-Digest: {DIGEST}", "Content-Type: application/vnd.oci.image.index.v1+json", "Content-Length: 2"
    )
    assert head == ManifestHead(DIGEST, "application/vnd.oci.image.index.v1+json", 2)


async def test_a_head_may_tell_nothing() -> None:
    assert await _head() == ManifestHead(None, None, None)


@pytest.mark.parametrize("digest", [str(SHA512), f"sha384:{'a' * 96}", f"SHA256:{'a' * 64}", "canary", f"{DIGEST}, x"])
async def test_only_a_digest_that_can_be_verified_is_believed_to_be_one(digest: str) -> None:
    head = await _head(f"Docker-Content-Digest: {digest}")
    assert head.digest == (SHA512 if digest == str(SHA512) else None)


async def test_two_digests_are_none() -> None:
    head = await _head(f"Docker-Content-Digest: {DIGEST}", f"Docker-Content-Digest: {SHA512}")
    assert head.digest is None


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("Application/JSON; charset=utf-8", "application/json"),
        (
            "application/vnd.docker.distribution.manifest.v2+json",
            "application/vnd.docker.distribution.manifest.v2+json",
        ),
        ("text", None),
        ("a/b/c", None),
        ("text/pl\x01ain", None),
        ("text/plain, text/html", None),
        ("téxt/plain", None),
    ],
)
async def test_a_media_type_is_bare_or_nothing(sent: str, read: str | None) -> None:
    assert (await _head(f"Content-Type: {sent}")).media_type == read


async def test_a_body_comes_with_what_was_said_of_it() -> None:
    headers = ["Content-Length: 2", "Content-Type: application/json", f"Docker-Content-Digest: {SHA512}"]
    script = [answer("200 OK", headers, b"{}")]
    async with RawUpstream(script) as server, transport(Upstream(endpoints=(server.url,))) as session:
        response = await session.exchange(Request("manifest", "GET", URL(server.url)))
        assert await answers.manifest_body(response, 2, "v1") == ManifestBody(b"{}", "application/json", SHA512)


@pytest.mark.parametrize(
    ("reference", "named", "refusal"),
    [
        (str(DIGEST), None, None),
        (str(SHA512), None, None),
        (str(DIGEST), str(Digest.of(b"{")), None),  # who asked by digest knows what it is
        ("v1", str(DIGEST), None),
        ("v1", str(SHA512), None),
        ("v1", None, Nonsense),
        ("v1", "canary", Nonsense),
        ("v1", str(Digest.of(b"{}}")), Interrupted),
        (str(Digest.of(b"{}}")), str(DIGEST), Interrupted),
    ],
)
async def test_a_manifest_whose_end_was_not_told_is_whole_by_the_digest_asked_for_or_sent(
    reference: str, named: str | None, refusal: type[UpstreamError] | None
) -> None:
    headers = [] if named is None else [f"Docker-Content-Digest: {named}"]
    script: Script = [answer("200 OK", headers, b"{}"), Close()]
    async with RawUpstream(script) as server, transport(Upstream(endpoints=(server.url,))) as session:
        response = await session.exchange(Request("manifest", "GET", URL(server.url)))
        if refusal is None:
            assert (await answers.manifest_body(response, 2, reference)).body == b"{}"
        else:
            with pytest.raises(refusal):
                await answers.manifest_body(response, 2, reference)


@pytest.mark.parametrize(
    ("document", "names"),
    [
        ({"name": "a/b", "tags": ["v1", "latest"]}, ("v1", "latest")),
        ({"tags": []}, ()),
        ({"tags": None}, ()),
        ({}, ()),
        ({"tags": ["ok", "", ".no", "a b", "a\r\nb", "x" * 129, 5, None, ["v"], {"a": 1}, "é"]}, ("ok",)),
    ],
)
async def test_tags_are_what_can_be_one(document: object, names: tuple[str, ...]) -> None:
    listed = await _tags(json.dumps(document).encode())
    assert (listed.names, listed.following) == (names, None)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"null", b'{"tags": "v1"}', b'{"tags": {"v1": 1}}', b'{"tags": 1}', b"[" * 900]
)
async def test_what_is_no_list_of_tags_is_nonsense(body: bytes) -> None:
    with pytest.raises(Nonsense, match=r"^fake: "):
        await _tags(body)


async def test_a_list_beyond_the_limit_is_nonsense() -> None:
    with pytest.raises(Nonsense, match="more than 1000 bytes"):
        await _tags(b'{"tags": [' + b" " * 1000 + b"]}")


@pytest.mark.parametrize(
    ("link", "by_name"),
    [
        ('</v2/a/b/tags/list?last=v1&n=2>; rel="next"', True),
        ("<?last=v1>;rel=next", True),
        ("<http://inside.test:8080/registry/list?n=2&last=v1>; rel=next", True),
        ("<http://[::1/?n=2&last=v1>; rel=next", True),
        ("<x>; rel=next", True),  # that there is a next page is all that can be read
        ("<x", True),
        ("</v2/a/b/tags/list?last=djE=&n=2>; rel=next", False),
        ("</v2/a/b/tags/list?last=v1&n=2&orderby=x>; rel=next", False),
        ("</v2/a/b/tags/list?next_page=x>; rel=next", False),
        ("</v2/a/b/tags/list?n=2>; rel=next", False),
    ],
)
async def test_a_next_page_follows_on_the_last_name_or_on_a_cursor(link: str, by_name: bool) -> None:
    listed = await _tags(b'{"tags": ["v1"]}', f"Link: {link}")
    assert listed.following is not None
    assert listed.goes_on_by_name is by_name


async def test_a_list_may_end_with_what_is_no_tag() -> None:
    listed = await _tags(b'{"tags": ["v1", "-x", 1]}', "Link: <?last=-x>; rel=next")
    assert listed == TagsListed(("v1",), "-x", {"last": "-x"})
    assert listed.goes_on_by_name


async def test_other_links_say_nothing() -> None:
    listed = await _tags(b"{}", 'Link: </v2/a/b/tags/list?n=2>; rel="prev"')
    assert listed == TagsListed((), None, None)
    assert not listed.goes_on_by_name


def test_a_manifest_that_was_sent_tells_what_a_head_would_have() -> None:
    assert answers.head_of(ManifestBody(b"{}", "application/json", None)) == ManifestHead(DIGEST, "application/json", 2)
    assert answers.head_of(ManifestBody(b"{}", None, SHA512)) == ManifestHead(SHA512, None, 2)
