"""Identity tokens, which a realm takes by POST (https://distribution.github.io/distribution/spec/auth/oauth/)."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import parse_qs

import pytest
from yarl import URL

from mirror.config.settings import Upstream
from mirror.errors import Denied, Nonsense, Unreachable, UpstreamError
from mirror.upstream.login import Kind, Login
from mirror.upstream.refusals import Refusals
from mirror.upstream.token_requests import Grant
from mirror.upstream.tokens import Tokens
from mirror.upstream.transport import Transport
from tests.support.clock import Clock
from tests.support.raw import RawUpstream, Script, Until, answer
from tests.support.upstreams import LIMITS, Setting, transport

IDENTITY = Login("", "canary", Kind.IDENTITY_TOKEN)


def _tokens(session: Transport, clock: Clock) -> Tokens:
    return Tokens(session, LIMITS, Refusals(clock), clock)


def _grant(server: RawUpstream, repository: str = "a/b") -> Grant:
    return Grant(IDENTITY, URL(server.url) / "token", "registry.test", f"repository:{repository}:pull")


def _of(server: RawUpstream) -> Upstream:
    return Upstream(endpoints=(server.url,))


def _gives(**document: object) -> Script:
    body = json.dumps(document).encode()
    return [answer("200 OK", [f"Content-Length: {len(body)}"], body)]


def _says(status: str) -> Script:
    return [answer(status, ["Content-Length: 0"])]


def _shown(server: RawUpstream) -> list[str]:
    return [parse_qs(seen.body.decode())["refresh_token"][0] for seen in server.requests]


async def test_an_identity_token_is_exchanged_by_post_and_its_access_token_kept() -> None:
    clock = Clock()
    script = [_gives(access_token="one", expires_in=100), _gives(access_token="two")]
    async with RawUpstream(*script) as server, transport(_of(server)) as session:
        tokens = _tokens(session, clock)
        assert (await tokens.get(_grant(server))).text == "one"
        assert (await tokens.get(_grant(server))).text == "one"
        clock.advance(101)
        assert (await tokens.get(_grant(server))).text == "two"
    first = server.requests[0]
    assert (first.method, first.target, len(server.requests)) == ("POST", "/token", 2)
    assert "authorization" not in first.headers
    assert parse_qs(first.body.decode()) == {
        "grant_type": ["refresh_token"],
        "client_id": ["mirror"],
        "service": ["registry.test"],
        "scope": ["repository:a/b:pull"],
        "refresh_token": ["canary"],
    }


async def test_an_identity_token_that_was_given_in_exchange_is_shown_from_then_on() -> None:
    script = [_gives(access_token="t", refresh_token="second"), _gives(access_token="t", refresh_token="third")]
    async with RawUpstream(*script, _gives(access_token="t")) as server, transport(_of(server)) as session:
        tokens = _tokens(session, Clock())
        for repository in "abcd":
            await tokens.get(_grant(server, repository))
        assert _shown(server) == ["canary", "second", "third", "third"]


@pytest.mark.parametrize("status", ["400 Bad Request", "401 Unauthorized"])
async def test_an_identity_token_that_is_refused_is_not_shown_again_for_a_while(status: str) -> None:
    clock = Clock()
    async with RawUpstream(_says(status)) as server, transport(_of(server)) as session:
        tokens = _tokens(session, clock)
        for repository in "abc":
            with pytest.raises(Denied) as caught:
                await tokens.get(_grant(server, repository))
            assert "canary" not in str(caught.value)
        assert len(server.requests) == 1
        clock.advance(30)
        with pytest.raises(Denied):
            await tokens.get(_grant(server))
        assert len(server.requests) == 2


async def test_after_a_refusal_of_what_was_given_in_exchange_the_login_is_shown_again() -> None:
    clock = Clock()
    given = _gives(access_token="t", refresh_token="second")
    async with RawUpstream(given, _says("400 Bad Request"), given) as server, transport(_of(server)) as session:
        tokens = _tokens(session, clock)
        await tokens.get(_grant(server))
        with pytest.raises(Denied):
            await tokens.get(_grant(server, "b"))
        clock.advance(30)
        await tokens.get(_grant(server, "b"))
        assert _shown(server) == ["canary", "second", "canary"]


@pytest.mark.parametrize("status", ["404 Not Found", "405 Method Not Allowed"])
async def test_a_realm_that_knows_no_post_is_not_asked_by_get(status: str) -> None:
    async with RawUpstream(_says(status)) as server, transport(_of(server)) as session:
        with pytest.raises(Nonsense):
            await _tokens(session, Clock()).get(_grant(server))
    assert [seen.method for seen in server.requests] == ["POST"]


async def test_an_identity_token_goes_nowhere_that_was_not_checked() -> None:
    setting = Setting()
    script = [answer("307 Elsewhere", ["Location: http://127.0.0.1:9/canary", "Content-Length: 0"])]
    async with RawUpstream(script) as server, transport(_of(server), setting) as session:
        with pytest.raises(UpstreamError) as caught:
            await _tokens(session, Clock()).get(_grant(server))
    assert len(server.requests) == 1
    assert "canary" not in str(caught.value)
    assert "canary" not in repr(setting.exchanges)


async def test_identity_tokens_that_are_exchanged_are_each_shown_once() -> None:
    gate = asyncio.Event()
    second = _gives(access_token="t", refresh_token="second")
    third = [Until(gate), *_gives(access_token="t", refresh_token="third")]
    async with RawUpstream(second, third, _gives(access_token="t")) as server, transport(_of(server)) as session:
        tokens = _tokens(session, Clock())
        await tokens.get(_grant(server))
        both = asyncio.gather(tokens.get(_grant(server, "b")), tokens.get(_grant(server, "c")))
        gate.set()
        await both
        assert _shown(server) == ["canary", "second", "third"]


async def test_the_first_to_ask_do_not_show_one_identity_token_together() -> None:
    script = [_gives(access_token="t", refresh_token="second"), _gives(access_token="t", refresh_token="third")]
    async with RawUpstream(*script, _gives(access_token="t")) as server, transport(_of(server)) as session:
        tokens = _tokens(session, Clock())
        await asyncio.gather(*(tokens.get(_grant(server, repository)) for repository in "abc"))
        assert _shown(server) == ["canary", "second", "third"]


async def test_an_identity_token_that_was_given_in_exchange_is_for_its_realm_alone() -> None:
    given = _gives(access_token="t", refresh_token="second")
    async with RawUpstream(given) as server, RawUpstream(given) as other, transport(_of(server)) as session:
        tokens = _tokens(session, Clock())
        await tokens.get(_grant(server))
        await tokens.get(_grant(other))
        await tokens.get(_grant(server, "b"))
        assert _shown(other) == ["canary"]
        assert _shown(server) == ["canary", "second"]


async def test_who_is_refused_what_another_has_exchanged_meanwhile_spoils_nothing() -> None:
    gate = asyncio.Event()
    plain, refused = _gives(access_token="t"), [Until(gate), *_says("400 Bad Request")]
    given = _gives(access_token="t", refresh_token="second")
    async with RawUpstream(plain, refused, given) as server, transport(_of(server)) as session:
        tokens = _tokens(session, Clock())
        await tokens.get(_grant(server))
        late = asyncio.ensure_future(tokens.get(_grant(server, "b")))
        async with asyncio.timeout(10):
            while len(server.requests) < 2:  # noqa: ASYNC110  # it tells nobody
                await asyncio.sleep(0.001)
        await tokens.get(_grant(server, "c"))
        gate.set()
        with pytest.raises(Unreachable, match="has just been exchanged"):
            await late
        await tokens.get(_grant(server, "b"))
        assert _shown(server) == ["canary", "canary", "canary", "second"]
