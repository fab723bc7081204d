"""What an endpoint is shown, and what nobody else is."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from mirror.config.settings import Upstream
from mirror.errors import Absent, Code, Denied, Nonsense
from tests.support.clock import Clock
from tests.support.faults import Fault
from tests.support.logins import basic
from tests.support.raw import RawUpstream, Step, answer, redirect
from tests.support.registry import FakeRegistry
from tests.support.upstreams import Setting, ask, endpoint

OK = [answer("200 OK", ["Content-Length: 2"], b"{}")]
CHALLENGE = [answer("401 No", ["WWW-Authenticate: Basic realm=x", "Content-Length: 0"])]
ALICE = basic("alice", "canary")


def _alice(url: str, **more: object) -> Upstream:
    return Upstream.model_validate(
        {"endpoints": url, "username": "alice", "password": SecretStr("canary"), "insecure": True, **more}
    )


async def test_a_challenge_is_answered_and_the_question_asked_once_more() -> None:
    async with FakeRegistry() as server, endpoint(_alice(server.url)) as session:
        server.push_manifest("a/b", "v1", b"{}", "text/x")
        server.require_bearer("alice", "canary")
        assert await ask(session) == b"{}"
        assert await ask(session) == b"{}"
        assert [seen.headers.get("authorization") for seen in server.requests] == [
            None,
            ALICE,
            "Bearer token-1",
            "Bearer token-1",
        ]


async def test_a_token_that_was_revoked_is_renewed_once() -> None:
    clock = Clock()
    async with FakeRegistry() as server, endpoint(Upstream(endpoints=(server.url,)), Setting(clock=clock)) as session:
        server.push_manifest("a/b", "v1", b"{}", "text/x")
        login = server.require_bearer()
        await ask(session)
        login.revoke()
        clock.advance(10)
        assert await ask(session) == b"{}"
        assert login.issued == 2


async def test_a_token_that_lives_but_seconds_is_renewed_as_soon_as_it_is_refused() -> None:
    clock = Clock()
    async with FakeRegistry() as server, endpoint(Upstream(endpoints=(server.url,)), Setting(clock=clock)) as session:
        server.push_manifest("a/b", "v1", b"{}", "text/x")
        login = server.require_bearer(expires_in=3)
        await ask(session)
        login.revoke()
        clock.advance(4)
        assert await ask(session) == b"{}"
        assert login.issued == 2


async def test_a_fresh_token_that_is_refused_is_a_denial() -> None:
    clock = Clock()
    async with FakeRegistry() as server, endpoint(Upstream(endpoints=(server.url,)), Setting(clock=clock)) as session:
        login = server.require_bearer()
        server.fail(
            Fault(status=401, headers={"WWW-Authenticate": login.challenge(server.realm, "")}), path="/v2/", times=None
        )
        with pytest.raises(Denied):
            await ask(session)
        assert (server.count(path="/v2/"), login.issued) == (2, 1)
        clock.advance(9)
        with pytest.raises(Denied, match="refuses a token that was made for this"):
            await ask(session)
        assert (server.count(path="/v2/"), login.issued) == (3, 1)  # another one would be refused as well
        clock.advance(2)
        with pytest.raises(Denied):
            await ask(session)
        assert (server.count(path="/v2/"), login.issued) == (5, 2)


async def test_a_wrong_password_is_shown_once_in_half_a_minute() -> None:
    setting = Setting(clock=Clock())
    async with FakeRegistry() as server, endpoint(_alice(server.url), setting) as session:
        server.require_basic("alice", "another")
        for _ in range(3):
            with pytest.raises(Denied):
                await ask(session)
        assert [seen.headers.get("authorization") for seen in server.requests] == [None, ALICE]


async def test_an_expired_token_may_show_as_a_400() -> None:
    clock = Clock()
    async with FakeRegistry() as server, endpoint(Upstream(endpoints=(server.url,)), Setting(clock=clock)) as session:
        server.push_manifest("a/b", "v1", b"{}", "text/x")
        login = server.require_bearer()
        await ask(session)
        clock.advance(20)
        server.fail(Fault(status=400), path="/v2/")
        assert await ask(session) == b"{}"
        assert login.issued == 2
        server.fail(Fault(status=400), path="/v2/", times=None)
        with pytest.raises(Nonsense, match="answered 400"):
            await ask(session)
        assert login.issued == 2  # a young token is not to blame


async def test_credentials_stay_on_the_origin_that_they_are_for() -> None:
    async with RawUpstream(OK, host="127.0.0.2") as elsewhere:
        hops = (redirect("/next"), redirect(f"{elsewhere.url}/x"))
        async with (
            RawUpstream(CHALLENGE, *hops) as server,
            endpoint(_alice(server.url, allow_private_addresses=True)) as session,
        ):
            assert await ask(session) == b"{}"
        assert [seen.headers.get("authorization") for seen in server.requests] == [None, ALICE, ALICE]
        assert "authorization" not in elsewhere.requests[0].headers


async def test_another_port_is_another_origin() -> None:
    async with RawUpstream(OK) as elsewhere:
        scripts = (CHALLENGE, redirect(f"{elsewhere.url}/x"))
        async with RawUpstream(*scripts) as server, endpoint(_alice(server.url)) as session:
            assert await ask(session) == b"{}"
        assert "authorization" not in elsewhere.requests[0].headers


async def test_who_was_led_away_and_back_carries_no_credential() -> None:
    back: list[Step] = []
    async with RawUpstream(back) as elsewhere, RawUpstream(CHALLENGE, redirect(f"{elsewhere.url}/x"), OK) as server:
        back += redirect(f"{server.url}/chosen/by/others")
        async with endpoint(_alice(server.url)) as session:
            assert await ask(session) == b"{}"
    assert [seen.headers.get("authorization") for seen in server.requests] == [None, ALICE, None]


@pytest.mark.parametrize("status", ["401 No", "403 No"])
async def test_a_challenge_from_elsewhere_is_not_answered(status: str) -> None:
    refusal = [answer(status, ['WWW-Authenticate: Basic realm="x"', "Content-Length: 0"])]
    async with RawUpstream(refusal) as elsewhere, RawUpstream(redirect(f"{elsewhere.url}/x")) as server:
        async with endpoint(_alice(server.url)) as session:
            with pytest.raises(Nonsense, match="where a redirect led"):
                await ask(session)
        assert len(server.requests) == len(elsewhere.requests) == 1
        assert "authorization" not in elsewhere.requests[0].headers


async def test_that_it_is_not_there_may_be_said_behind_a_redirect() -> None:
    missing = [answer("404 Not Found", ["Content-Length: 0"])]
    async with (
        RawUpstream(missing) as elsewhere,
        RawUpstream(redirect(f"{elsewhere.url}/x")) as server,
        endpoint(Upstream(endpoints=(server.url,))) as session,
    ):
        with pytest.raises(Absent) as caught:
            await ask(session)
    assert (caught.value.code, caught.value.status) == (Code.MANIFEST_UNKNOWN, 404)


async def test_a_realm_elsewhere_gets_nothing() -> None:
    async with RawUpstream(OK) as evil:
        challenge = answer("401 No", [f'WWW-Authenticate: Bearer realm="{evil.url}/t"', "Content-Length: 0"])
        async with RawUpstream([challenge]) as server, endpoint(_alice(server.url)) as session:
            with pytest.raises(Nonsense, match="add it to `realms`"):
                await ask(session)
        assert evil.connections == 0
