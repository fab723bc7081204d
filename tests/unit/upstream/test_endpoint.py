from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr
from yarl import URL

from mirror.errors import Absent, Code, Denied, Nonsense
from mirror.settings import Upstream
from mirror.upstream.auth import Access, Door, Keys
from mirror.upstream.credentials import Credentials
from mirror.upstream.endpoint import Endpoint, Question
from mirror.upstream.refusals import Refusals
from mirror.upstream.tokens import Tokens
from tests.support.authority import Authority
from tests.support.clock import Clock
from tests.support.faults import Fault
from tests.support.logins import basic
from tests.support.names import Names
from tests.support.raw import RawUpstream, Script, Step, answer
from tests.support.registry import FakeRegistry
from tests.support.upstreams import LIMITS, Setting, transport

QUESTION = Question("manifest", "GET", "a/b", "manifests/v1", Code.MANIFEST_UNKNOWN, {"n": "1"}, {"Accept": "text/x"})
OK = [answer("200 OK", ["Content-Length: 2"], b"{}")]
CHALLENGE = [answer("401 No", ["WWW-Authenticate: Basic realm=x", "Content-Length: 0"])]
ALICE = basic("alice", "canary")


def _to(location: str, status: str = "307 Temporary Redirect") -> Script:
    return [answer(status, [f"Location: {location}", "Content-Length: 0"])]


def _alice(url: str, **more: object) -> Upstream:
    return Upstream.model_validate(
        {"endpoints": url, "username": "alice", "password": SecretStr("canary"), "insecure": True, **more}
    )


@asynccontextmanager
async def _endpoint(upstream: Upstream, setting: Setting | None = None) -> AsyncIterator[Endpoint]:
    clock = Clock() if setting is None else setting.clock
    async with transport(upstream, setting) as session:
        refusals = Refusals(clock)
        tokens = Tokens(session, LIMITS, refusals, clock)
        keys = Keys(Credentials("fake", upstream), tokens, refusals, clock)
        door = Door("fake", URL(upstream.endpoints[0]), frozenset(upstream.realms), upstream.insecure)
        yield Endpoint(door.endpoint, Access(door, keys), session, hops=5)


async def _ask(endpoint: Endpoint, question: Question = QUESTION) -> bytes:
    return await (await endpoint.ask(question)).whole(1000)


@pytest.mark.parametrize("prefix", ["", "/prefix", "/prefix/deep"])
async def test_a_question_goes_to_its_canonical_url(prefix: str) -> None:
    async with RawUpstream(OK) as server, _endpoint(Upstream(endpoints=(server.url + prefix,))) as endpoint:
        assert await _ask(endpoint) == b"{}"
        assert server.requests[0].target == f"{prefix}/v2/a/b/manifests/v1?n=1"
        assert server.requests[0].headers["accept"] == "text/x"


# --- redirects


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_redirect_is_followed_with_the_same_method(status: str, method: str) -> None:
    head = [answer("200 OK", ["Content-Length: 2"])]
    scripts = (_to("/elsewhere?x=%2F", status), OK if method == "GET" else head)
    async with RawUpstream(*scripts) as server, _endpoint(Upstream(endpoints=(server.url,))) as endpoint:
        question = Question("manifest", method, "a/b", "manifests/v1", Code.MANIFEST_UNKNOWN)
        (await endpoint.ask(question)).close()
    assert [(seen.method, seen.path) for seen in server.requests] == [
        (method, "/v2/a/b/manifests/v1"),
        (method, "/elsewhere"),
    ]
    assert server.requests[1].query == "x=%2F"


async def test_the_fifth_redirect_is_followed_and_the_sixth_is_not() -> None:
    hops = [_to(f"/{n}") for n in range(5)]
    async with RawUpstream(*hops, OK) as server, _endpoint(Upstream(endpoints=(server.url,))) as endpoint:
        assert await _ask(endpoint) == b"{}"
    async with RawUpstream(_to("/round/and/round")) as server:
        async with _endpoint(Upstream(endpoints=(server.url,))) as endpoint:
            with pytest.raises(Nonsense, match="more than 5 times"):
                await _ask(endpoint)
        assert len(server.requests) == 6


async def test_a_range_goes_along_with_a_redirect() -> None:
    async with FakeRegistry() as server, _endpoint(Upstream(endpoints=(server.url,))) as endpoint:
        server.redirects = True
        digest = server.push_blob("a/b", b"0123456789")
        question = Question("blob", "GET", "a/b", f"blobs/{digest}", Code.BLOB_UNKNOWN, {}, {"Range": "bytes=4-"})
        assert await _ask(endpoint, question) == b"456789"
        assert [seen.headers["range"] for seen in server.requests] == ["bytes=4-", "bytes=4-"]


@pytest.mark.parametrize(
    "location",
    ["ftp://127.0.0.1/", "http://alice:canary@127.0.0.1/", "http://", "http://127.0.0.1:99999/", "http://a b/"],
)
async def test_a_redirect_that_may_not_be_followed_is_nonsense(location: str) -> None:
    async with RawUpstream(_to(location)) as server, _endpoint(Upstream(endpoints=(server.url,))) as endpoint:
        with pytest.raises(Nonsense, match="sent a redirect") as caught:
            await _ask(endpoint)
    assert "canary" not in str(caught.value)


async def test_https_never_becomes_http(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with RawUpstream(OK) as plain:
        async with (
            RawUpstream(_to(f"{plain.url}/x"), tls=authority.server("127.0.0.1")) as server,
            _endpoint(_alice(server.url, ca_file=authority.ca_file)) as endpoint,
        ):
            with pytest.raises(Nonsense, match="from https to http"):
                await _ask(endpoint)
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
    async with RawUpstream(OK) as honeypot, RawUpstream(_to(write(honeypot.port)), host="127.0.0.2") as server:
        async with _endpoint(Upstream(endpoints=(f"http://registry.test:{server.port}",)), setting) as endpoint:
            with pytest.raises(Nonsense):
                await _ask(endpoint)
        assert len(server.requests) == 1
        assert honeypot.connections == 0


# --- credentials


async def test_a_challenge_is_answered_and_the_question_asked_once_more() -> None:
    async with FakeRegistry() as server, _endpoint(_alice(server.url)) as endpoint:
        server.push_manifest("a/b", "v1", b"{}", "text/x")
        server.require_bearer("alice", "canary")
        assert await _ask(endpoint) == b"{}"
        assert await _ask(endpoint) == b"{}"
        assert [seen.headers.get("authorization") for seen in server.requests] == [
            None,
            ALICE,
            "Bearer token-1",
            "Bearer token-1",
        ]


async def test_a_token_that_was_revoked_is_renewed_once() -> None:
    async with FakeRegistry() as server, _endpoint(Upstream(endpoints=(server.url,))) as endpoint:
        server.push_manifest("a/b", "v1", b"{}", "text/x")
        login = server.require_bearer()
        await _ask(endpoint)
        login.revoke()
        assert await _ask(endpoint) == b"{}"
        assert login.issued == 2


async def test_a_fresh_token_that_is_refused_is_a_denial() -> None:
    async with FakeRegistry() as server, _endpoint(Upstream(endpoints=(server.url,))) as endpoint:
        login = server.require_bearer()
        server.fail(
            Fault(status=401, headers={"WWW-Authenticate": login.challenge(server.realm, "")}), path="/v2/", times=None
        )
        with pytest.raises(Denied):
            await _ask(endpoint)
        assert (server.count(path="/v2/"), login.issued) == (2, 1)
        with pytest.raises(Denied):
            await _ask(endpoint)
        assert (server.count(path="/v2/"), login.issued) == (4, 2)


async def test_a_wrong_password_is_shown_once_in_half_a_minute() -> None:
    setting = Setting(clock=Clock())
    async with FakeRegistry() as server, _endpoint(_alice(server.url), setting) as endpoint:
        server.require_basic("alice", "another")
        for _ in range(3):
            with pytest.raises(Denied):
                await _ask(endpoint)
        assert [seen.headers.get("authorization") for seen in server.requests] == [None, ALICE]


async def test_an_expired_token_may_show_as_a_400() -> None:
    clock = Clock()
    async with FakeRegistry() as server, _endpoint(Upstream(endpoints=(server.url,)), Setting(clock=clock)) as endpoint:
        server.push_manifest("a/b", "v1", b"{}", "text/x")
        login = server.require_bearer()
        await _ask(endpoint)
        clock.advance(20)
        server.fail(Fault(status=400), path="/v2/")
        assert await _ask(endpoint) == b"{}"
        assert login.issued == 2
        server.fail(Fault(status=400), path="/v2/", times=None)
        with pytest.raises(Nonsense, match="answered 400"):
            await _ask(endpoint)
        assert login.issued == 2  # a young token is not to blame


async def test_credentials_stay_on_the_origin_that_they_are_for() -> None:
    async with RawUpstream(OK, host="127.0.0.2") as elsewhere:
        hops = (_to("/next"), _to(f"{elsewhere.url}/x"))
        async with (
            RawUpstream(CHALLENGE, *hops) as server,
            _endpoint(_alice(server.url, allow_private_addresses=True)) as endpoint,
        ):
            assert await _ask(endpoint) == b"{}"
        assert [seen.headers.get("authorization") for seen in server.requests] == [None, ALICE, ALICE]
        assert "authorization" not in elsewhere.requests[0].headers


async def test_another_port_is_another_origin() -> None:
    async with RawUpstream(OK) as elsewhere:
        scripts = (CHALLENGE, _to(f"{elsewhere.url}/x"))
        async with RawUpstream(*scripts) as server, _endpoint(_alice(server.url)) as endpoint:
            assert await _ask(endpoint) == b"{}"
        assert "authorization" not in elsewhere.requests[0].headers


async def test_who_was_led_away_and_back_carries_no_credential() -> None:
    back: list[Step] = []
    async with RawUpstream(back) as elsewhere, RawUpstream(CHALLENGE, _to(f"{elsewhere.url}/x"), OK) as server:
        back += _to(f"{server.url}/chosen/by/others")
        async with _endpoint(_alice(server.url)) as endpoint:
            assert await _ask(endpoint) == b"{}"
    assert [seen.headers.get("authorization") for seen in server.requests] == [None, ALICE, None]


@pytest.mark.parametrize("status", ["401 No", "403 No"])
async def test_a_challenge_from_elsewhere_is_not_answered(status: str) -> None:
    refusal = [answer(status, ['WWW-Authenticate: Basic realm="x"', "Content-Length: 0"])]
    async with RawUpstream(refusal) as elsewhere, RawUpstream(_to(f"{elsewhere.url}/x")) as server:
        async with _endpoint(_alice(server.url)) as endpoint:
            with pytest.raises(Nonsense, match="where a redirect led"):
                await _ask(endpoint)
        assert len(server.requests) == len(elsewhere.requests) == 1
        assert "authorization" not in elsewhere.requests[0].headers


async def test_that_it_is_not_there_may_be_said_behind_a_redirect() -> None:
    missing = [answer("404 Not Found", ["Content-Length: 0"])]
    async with (
        RawUpstream(missing) as elsewhere,
        RawUpstream(_to(f"{elsewhere.url}/x")) as server,
        _endpoint(Upstream(endpoints=(server.url,))) as endpoint,
    ):
        with pytest.raises(Absent) as caught:
            await _ask(endpoint)
    assert caught.value.code is Code.MANIFEST_UNKNOWN


async def test_a_realm_elsewhere_gets_nothing() -> None:
    async with RawUpstream(OK) as evil:
        challenge = answer("401 No", [f'WWW-Authenticate: Bearer realm="{evil.url}/t"', "Content-Length: 0"])
        async with RawUpstream([challenge]) as server, _endpoint(_alice(server.url)) as endpoint:
            with pytest.raises(Nonsense, match="add it to `realms`"):
                await _ask(endpoint)
        assert evil.connections == 0


# --- what an answer must be


@pytest.mark.parametrize("coding", ["gzip", "zstd", "br", "x", "identity, gzip", "GZIP", "\x01"])
async def test_an_encoded_answer_is_nonsense(coding: str) -> None:
    script = [answer("200 OK", [f"Content-Encoding: {coding}", "Content-Length: 2"], b"{}")]
    async with RawUpstream(script) as server, _endpoint(Upstream(endpoints=(server.url,))) as endpoint:
        with pytest.raises(Nonsense, match="encoded"):
            await _ask(endpoint)


async def test_identity_is_no_encoding() -> None:
    script = [answer("200 OK", ["Content-Encoding: Identity", "Content-Length: 2"], b"{}")]
    async with RawUpstream(script) as server, _endpoint(Upstream(endpoints=(server.url,))) as endpoint:
        assert await _ask(endpoint) == b"{}"


@pytest.mark.parametrize(
    "status", ["101 Switching", "201 Created", "202 X", "204 X", "206 X", "300 X", "304 X", "400 X", "405 X"]
)
async def test_any_other_status_is_nonsense(status: str) -> None:
    script = [answer(status, ["Content-Length: 0"])]
    async with RawUpstream(script) as server, _endpoint(Upstream(endpoints=(server.url,))) as endpoint:
        with pytest.raises(Nonsense, match=status[:3]):
            await _ask(endpoint)
