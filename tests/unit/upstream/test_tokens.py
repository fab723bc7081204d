from __future__ import annotations

import asyncio

import pytest
from yarl import URL

from mirror.config.settings import Limits, Upstream
from mirror.errors import Code, Denied, Nonsense, Throttled, Unreachable
from mirror.upstream.login import Login
from mirror.upstream.refusals import Refusals
from mirror.upstream.token_requests import Grant
from mirror.upstream.tokens import Tokens
from mirror.upstream.transport import Transport
from tests.support.clock import Clock
from tests.support.faults import Fault, Never
from tests.support.raw import RawUpstream, answer
from tests.support.registry import FakeRegistry
from tests.support.upstreams import LIMITS, Setting, transport

ALICE = Login("alice", "canary")
SCOPE = "repository:a/b:pull"


def _tokens(session: Transport, clock: Clock, limits: Limits = LIMITS) -> Tokens:
    return Tokens(session, limits, Refusals(clock), clock)


def _grant(realm: str, login: Login | None = None, scope: str = SCOPE) -> Grant:
    return Grant(login, URL(realm), "registry.test", scope)


def _of(server: FakeRegistry | RawUpstream) -> Upstream:
    return Upstream(endpoints=(server.url,))


async def test_a_realm_is_asked_for_our_scope_with_our_login() -> None:
    async with FakeRegistry() as server, transport(_of(server)) as session:
        server.require_bearer("alice", "canary")
        await _tokens(session, Clock()).get(_grant(f"{server.realm}?account=x&scope=evil", ALICE))
        asked = server.requests[0]
    assert sorted(asked.query.split("&")) == ["account=x", "scope=repository:a/b:pull", "service=registry.test"]
    assert asked.headers["authorization"] == ALICE.basic()


async def test_a_realm_is_asked_anonymously_without_a_login() -> None:
    async with FakeRegistry() as server, transport(_of(server)) as session:
        server.require_bearer()
        await _tokens(session, Clock()).get(_grant(server.realm))
        assert "authorization" not in server.requests[0].headers


async def test_a_service_that_was_not_named_is_not_asked_for() -> None:
    script = [answer("200 OK", ["Content-Length: 13"], b'{"token":"t"}')]
    async with RawUpstream(script) as server, transport(_of(server)) as session:
        await _tokens(session, Clock()).get(Grant(None, URL(server.url), None, SCOPE))
        assert server.requests[0].query == "scope=repository:a/b:pull"


async def test_one_request_serves_all_who_need_the_same_token() -> None:
    async with FakeRegistry() as server, transport(_of(server)) as session:
        login = server.require_bearer()
        tokens, grant = _tokens(session, Clock()), _grant(server.realm)
        release = asyncio.Event()
        server.fail(Fault(hold=release), path="/token")
        waiting = [asyncio.ensure_future(tokens.get(grant)) for _ in range(20)]
        await server.arrived(path="/token")
        waiting[0].cancel()
        release.set()
        got = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(got[0], asyncio.CancelledError)
        assert len(set(got[1:])) == 1
        assert login.issued == 1


async def test_a_token_is_kept_apart_by_login_realm_service_and_scope() -> None:
    async with FakeRegistry() as server, transport(_of(server)) as session:
        login = server.require_bearer()
        tokens, realm = _tokens(session, Clock()), server.realm
        grants = [
            _grant(realm),
            _grant(realm, ALICE),
            _grant(realm, Login("bob", "canary")),
            _grant(realm, Login("alice", "other")),
            _grant(realm, scope="repository:c:pull"),
            _grant(f"{realm}?x"),
        ]
        got = [await tokens.get(grant) for grant in [*grants, *grants]]
        assert len(set(got)) == login.issued == len(grants)


async def test_a_dropped_token_is_fetched_anew_but_a_newer_one_stays() -> None:
    async with FakeRegistry() as server, transport(_of(server)) as session:
        login = server.require_bearer()
        tokens, grant = _tokens(session, Clock()), _grant(server.realm)
        first = await tokens.get(grant)
        tokens.drop(grant, first)
        second = await tokens.get(grant)
        tokens.drop(grant, first)
        assert await tokens.get(grant) is second
        assert login.issued == 2


async def test_a_refused_login_is_not_shown_again_for_a_while_that_grows() -> None:
    clock = Clock()
    async with FakeRegistry() as server, transport(_of(server)) as session:
        server.require_bearer("alice", "another")
        tokens = _tokens(session, clock)
        for scope in (SCOPE, SCOPE, "repository:c:pull"):
            with pytest.raises(Denied):
                await tokens.get(_grant(server.realm, ALICE, scope))
        assert server.count(path="/token") == 1
        with pytest.raises(Denied):
            await tokens.get(_grant(server.realm))  # nobody's login: asked all the same
        for shown, wait in ((3, 30), (4, 60), (5, 120)):
            clock.advance(wait)
            for _ in range(3):
                with pytest.raises(Denied):
                    await tokens.get(_grant(server.realm, ALICE))
            assert server.count(path="/token") == shown


async def test_a_login_that_changes_is_shown_at_once() -> None:
    async with FakeRegistry() as server, transport(_of(server)) as session:
        server.require_bearer("alice", "canary")
        tokens = _tokens(session, Clock())
        with pytest.raises(Denied):
            await tokens.get(_grant(server.realm, Login("alice", "old")))
        assert (await tokens.get(_grant(server.realm, ALICE))).text == "token-1"


async def test_a_realm_that_changes_its_address_does_not_see_a_refused_login_again() -> None:
    async with FakeRegistry() as server, transport(_of(server)) as session:
        server.require_bearer("alice", "another")
        tokens = _tokens(session, Clock())
        for realm in ("?a", "?b", "", "/other"):
            with pytest.raises(Denied):
                await tokens.get(_grant(f"{server.realm}{realm}", ALICE))
        assert len(server.requests) == 1


async def test_however_many_ask_at_once_a_wrong_login_is_shown_once() -> None:
    async with FakeRegistry() as server, transport(_of(server)) as session:
        server.require_bearer("alice", "another")
        tokens = _tokens(session, Clock())
        asked = [tokens.get(_grant(server.realm, ALICE, f"repository:r{number}:pull")) for number in range(20)]
        got = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(one) for one in got} == {Denied}
    assert len(server.requests) == 1


async def test_once_a_login_is_accepted_nobody_waits_for_another() -> None:
    async with FakeRegistry() as server, transport(_of(server)) as session:
        server.require_bearer("alice", "canary")
        tokens, release = _tokens(session, Clock()), asyncio.Event()
        await tokens.get(_grant(server.realm, ALICE))
        server.fail(Fault(hold=release), path="/token", times=None)
        grants = [_grant(server.realm, ALICE, f"repository:r{number}:pull") for number in range(20)]
        asked = [asyncio.ensure_future(tokens.get(grant)) for grant in grants]
        await server.arrived(path="/token", times=21)
        release.set()
        await asyncio.gather(*asked)


async def test_a_login_that_was_good_is_refused_for_one_repository_before_it_is_for_all() -> None:
    async with FakeRegistry() as server, transport(_of(server)) as session:
        server.require_bearer("alice", "canary")
        tokens = _tokens(session, Clock())
        await tokens.get(_grant(server.realm, ALICE))
        server.require_bearer("alice", "another")
        for name in "xxyyzz":
            with pytest.raises(Denied):
                await tokens.get(_grant(server.realm, ALICE, f"repository:{name}:pull"))
        assert server.count(path="/token") == 3


async def test_a_login_refused_for_one_repository_is_shown_for_another() -> None:
    async with FakeRegistry() as server, transport(_of(server)) as session:
        server.require_bearer("alice", "canary")
        tokens = _tokens(session, Clock())
        server.fail(Fault(status=403), path="/token")
        for _ in range(3):
            with pytest.raises(Denied):
                await tokens.get(_grant(server.realm, ALICE))
        assert server.count(path="/token") == 1
        await tokens.get(_grant(server.realm, ALICE, "repository:c:pull"))


async def test_failures_of_the_realm_are_told_apart_and_not_kept() -> None:
    clock = Clock()
    async with FakeRegistry() as server, transport(_of(server), Setting(clock=clock)) as session:
        login = server.require_bearer()
        tokens, grant = _tokens(session, Clock()), _grant(server.realm)
        server.fail(Fault(status=503), path="/token")
        server.fail(Fault(status=429, headers={"Retry-After": "7"}), path="/token")
        server.fail(Fault(status=404), path="/token")
        server.fail(Fault(drop=True), path="/token", times=2)  # the kept connection, and a new one
        with pytest.raises(Unreachable):
            await tokens.get(grant)
        with pytest.raises(Throttled) as throttled:
            await tokens.get(grant)
        assert throttled.value.retry_after == 7
        clock.advance(7)
        with pytest.raises(Nonsense):
            await tokens.get(grant)
        with pytest.raises(Unreachable):
            await tokens.get(grant)
        await tokens.get(grant)
        assert login.issued == 1


async def test_a_redirected_realm_is_not_followed() -> None:
    async with RawUpstream([answer("302 Found", ["Location: /elsewhere", "Content-Length: 0"])]) as server:
        async with transport(_of(server)) as session:
            with pytest.raises(Nonsense):
                await _tokens(session, Clock()).get(_grant(server.url, ALICE))
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "body", [b"<html>canary</html>", b'{"token": "canary ' + b"x" * 70_000 + b'"}', b'{"token": "a\\nb"}']
)
async def test_an_answer_without_a_usable_token_is_nonsense(body: bytes) -> None:
    script = [answer("200 OK", [f"Content-Length: {len(body)}"], body)]
    async with RawUpstream(script) as server, transport(_of(server)) as session:
        with pytest.raises(Nonsense) as caught:
            await _tokens(session, Clock()).get(_grant(server.url))
    assert "canary" not in str(caught.value)


async def test_a_realm_that_dribbles_is_given_up() -> None:
    limits = LIMITS.model_copy(update={"answer_timeout": 0.2, "read_timeout": 30.0})
    async with FakeRegistry() as server, transport(_of(server)) as session:
        server.require_bearer()
        server.fail(Fault(stall_at=3, until=Never()), path="/token")
        with pytest.raises(Unreachable) as caught:
            await _tokens(session, Clock(), limits).get(_grant(server.realm))
    assert caught.value.code is Code.TIMEOUT


async def test_closing_ends_a_request_under_way() -> None:
    async with FakeRegistry() as server, transport(_of(server)) as session:
        server.require_bearer()
        server.fail(Fault(hold=Never()), path="/token")
        tokens = _tokens(session, Clock())
        waiting = asyncio.ensure_future(tokens.get(_grant(server.realm)))
        await server.arrived(path="/token")
        await tokens.aclose()
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_tokens_do_not_grow_without_bound() -> None:
    async with FakeRegistry() as server, transport(_of(server)) as session:
        login = server.require_bearer()
        tokens = _tokens(session, Clock())
        for number in range(1025):
            await tokens.get(_grant(server.realm, scope=f"repository:r{number}:pull"))
        await tokens.get(_grant(server.realm, scope="repository:r1024:pull"))
        assert login.issued == 1025
        await tokens.get(_grant(server.realm, scope="repository:r0:pull"))
        assert login.issued == 1026
