from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mirror.config.settings import Upstream
from mirror.errors import Code, Nonsense
from mirror.upstream.endpoint import Question
from tests.support.authority import Authority
from tests.support.names import Names
from tests.support.raw import RawUpstream, answer, redirect
from tests.support.registry import FakeRegistry
from tests.support.upstreams import Setting, ask, endpoint

OK = [answer("200 OK", ["Content-Length: 2"], b"{}")]


@pytest.mark.parametrize("prefix", ["", "/prefix", "/prefix/deep"])
async def test_a_question_goes_to_its_canonical_url(prefix: str) -> None:
    async with RawUpstream(OK) as server, endpoint(Upstream(endpoints=(server.url + prefix,))) as session:
        assert await ask(session) == b"{}"
        assert server.requests[0].target == f"{prefix}/v2/a/b/manifests/v1?n=1"
        assert server.requests[0].headers["accept"] == "text/x"


# --- redirects


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_redirect_is_followed_with_the_same_method(status: str, method: str) -> None:
    head = [answer("200 OK", ["Content-Length: 2"])]
    scripts = (redirect("/elsewhere?x=%2F", status), OK if method == "GET" else head)
    async with RawUpstream(*scripts) as server, endpoint(Upstream(endpoints=(server.url,))) as session:
        question = Question("manifest", method, "a/b", "manifests/v1", Code.MANIFEST_UNKNOWN)
        (await session.ask(question)).close()
    assert [(seen.method, seen.path) for seen in server.requests] == [
        (method, "/v2/a/b/manifests/v1"),
        (method, "/elsewhere"),
    ]
    assert server.requests[1].query == "x=%2F"


async def test_the_fifth_redirect_is_followed_and_the_sixth_is_not() -> None:
    hops = [redirect(f"/{n}") for n in range(5)]
    async with RawUpstream(*hops, OK) as server, endpoint(Upstream(endpoints=(server.url,))) as session:
        assert await ask(session) == b"{}"
    async with RawUpstream(redirect("/round/and/round")) as server:
        async with endpoint(Upstream(endpoints=(server.url,))) as session:
            with pytest.raises(Nonsense, match="more than 5 times"):
                await ask(session)
        assert len(server.requests) == 6


async def test_a_range_goes_along_with_a_redirect() -> None:
    async with FakeRegistry() as server, endpoint(Upstream(endpoints=(server.url,))) as session:
        server.redirects = True
        digest = server.push_blob("a/b", b"0123456789")
        question = Question("blob", "GET", "a/b", f"blobs/{digest}", Code.BLOB_UNKNOWN, {}, {"Range": "bytes=4-"})
        assert await (await session.ask(question)).whole(10) == b"456789"
        assert [seen.headers["range"] for seen in server.requests] == ["bytes=4-", "bytes=4-"]


@pytest.mark.parametrize(
    "location",
    [
        "ftp://127.0.0.1/",
        "http://alice:canary@127.0.0.1/",
        "http://",
        "http://127.0.0.1:99999/",
        "http://a b/",
        "http://[::1]@/",
        "http://a..b/",
        f"http://{'a' * 64}.test/",
    ],
)
async def test_a_redirect_that_may_not_be_followed_is_nonsense(location: str) -> None:
    async with RawUpstream(redirect(location)) as server, endpoint(Upstream(endpoints=(server.url,))) as session:
        with pytest.raises(Nonsense, match="sent a redirect") as caught:
            await ask(session)
    assert "canary" not in str(caught.value)


async def test_https_never_becomes_http(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with RawUpstream(OK) as plain:
        async with (
            RawUpstream(redirect(f"{plain.url}/x"), tls=authority.server("127.0.0.1")) as server,
            endpoint(Upstream(endpoints=(server.url,), ca_file=authority.ca_file)) as session,
        ):
            with pytest.raises(Nonsense, match="from https to http"):
                await ask(session)
        assert plain.connections == 0


ENCODINGS: list[Callable[[int], str]] = [
    lambda port: f"http://127.0.0.1:{port}/",
    lambda port: f"http://127.0.0.1.:{port}/",
    lambda port: f"http://127.1:{port}/",
    lambda port: f"http://2130706433:{port}/",
    lambda port: f"http://017700000001:{port}/",
    lambda port: f"http://0177.0.0.1:{port}/",
    lambda port: f"http://0x7f000001:{port}/",
    lambda port: f"http://0x7f.0x0.0x0.0x1:{port}/",
    lambda port: f"http://0.0.0.0:{port}/",
    lambda port: f"http://0:{port}/",
    lambda port: f"http://[::1]:{port}/",
    lambda port: f"http://[::]:{port}/",
    lambda port: f"http://[::ffff:127.0.0.1]:{port}/",
    lambda port: f"http://[0:0:0:0:0:ffff:7f00:1]:{port}/",
    lambda port: f"http://[::127.0.0.1]:{port}/",
    lambda port: f"http://[2002:7f00:1::]:{port}/",
    lambda port: f"http://[64:ff9b::7f00:1]:{port}/",
    lambda port: f"http://localhost:{port}/",
    lambda port: f"http://LOCALHOST.:{port}/",
    lambda port: f"http://a.localhost:{port}/",
    lambda port: f"http://inside.test:{port}/",
    lambda port: f"//inside.test:{port}/",
    lambda port: "http://169.254.169.254/latest/meta-data/",
]


@pytest.mark.parametrize("write", ENCODINGS, ids=[write(0) for write in ENCODINGS])
async def test_no_redirect_reaches_a_private_address(write: Callable[[int], str]) -> None:
    setting = Setting(resolver=Names({"registry.test": ["127.0.0.2"], "inside.test": ["127.0.0.1"]}))
    async with RawUpstream(OK) as honeypot, RawUpstream(redirect(write(honeypot.port)), host="127.0.0.2") as server:
        async with endpoint(Upstream(endpoints=(f"http://registry.test:{server.port}",)), setting) as session:
            with pytest.raises(Nonsense):
                await ask(session)
        assert len(server.requests) == 1
        assert honeypot.connections == 0


# --- what an answer must be


@pytest.mark.parametrize("coding", ["gzip", "zstd", "br", "x", "identity, gzip", "GZIP", "\x01"])
async def test_an_encoded_answer_is_nonsense(coding: str) -> None:
    script = [answer("200 OK", [f"Content-Encoding: {coding}", "Content-Length: 2"], b"{}")]
    async with RawUpstream(script) as server, endpoint(Upstream(endpoints=(server.url,))) as session:
        with pytest.raises(Nonsense, match="encoded"):
            await ask(session)


@pytest.mark.parametrize("coding", ["Identity", "", " ", "identity, identity"])
async def test_identity_is_no_encoding(coding: str) -> None:
    script = [answer("200 OK", [f"Content-Encoding: {coding}", "Content-Length: 2"], b"{}")]
    async with RawUpstream(script) as server, endpoint(Upstream(endpoints=(server.url,))) as session:
        assert await ask(session) == b"{}"


async def test_what_is_left_of_an_upload_to_s3_does_not_make_a_blob_encoded() -> None:
    headers = ["Content-Encoding: aws-chunked", "Content-Length: 2"]
    script = [answer("200 OK", headers, b"{}")]
    async with RawUpstream(script) as server, endpoint(Upstream(endpoints=(server.url,))) as session:
        blob = Question("blob", "GET", "a/b", "blobs/sha256:0", Code.BLOB_UNKNOWN)
        assert await (await session.ask(blob)).whole(10) == b"{}"
        with pytest.raises(Nonsense, match="encoded"):
            await ask(session)


@pytest.mark.parametrize(
    "status", ["101 Switching", "201 Created", "202 X", "204 X", "206 X", "300 X", "304 X", "400 X", "405 X"]
)
async def test_any_other_status_is_nonsense(status: str) -> None:
    script = [answer(status, ["Content-Length: 0"])]
    async with RawUpstream(script) as server, endpoint(Upstream(endpoints=(server.url,))) as session:
        with pytest.raises(Nonsense, match=status[:3]):
            await ask(session)
