"""A registry that redirects its API to another one, which gives tokens to everybody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from mirror.config.settings import Upstream
from mirror.errors import Nonsense, Unreachable
from mirror.upstream.endpoint import Endpoint
from tests.support.authority import Authority
from tests.support.clock import Clock
from tests.support.faults import Fault
from tests.support.logins import basic
from tests.support.names import Names
from tests.support.raw import RawUpstream, Script, answer, redirect
from tests.support.registry import FakeRegistry
from tests.support.upstreams import Setting, ask, endpoint


@asynccontextmanager
async def led(
    other: FakeRegistry, *before: Script, path: str = "/v2/project/images/b/manifests/v1", clock: Clock | None = None
) -> AsyncIterator[tuple[RawUpstream, Endpoint]]:
    """An endpoint that has a login and redirects to a path of `other`."""
    async with RawUpstream(*before, redirect(f"{other.url}{path}")) as server:
        upstream = Upstream(
            endpoints=(server.url,),
            username="alice",
            password=SecretStr("canary"),
            insecure=True,
            allow_private_addresses=True,
        )
        async with endpoint(upstream, Setting(clock=clock or Clock())) as session:
            yield server, session


async def test_a_token_for_everybody_is_had_for_the_repository_as_it_is_called_there() -> None:
    async with FakeRegistry("127.0.0.2") as other, led(other) as (server, session):
        other.push_manifest("project/images/b", "v1", b"{}", "text/x")
        login = other.require_bearer()
        for _ in range(2):
            assert await ask(session) == b"{}"
        assert login.issued == 1
        token = other.seen(path="/token")[0]
        assert token.query.endswith("scope=repository:project/images/b:pull")
        assert "authorization" not in token.headers
        assert [seen.headers.get("authorization") for seen in server.requests] == [None, None]
        assert [seen.headers.get("authorization") for seen in other.seen(path="/v2/")] == [None, "Bearer token-1"] * 2


async def test_our_login_stays_at_home_even_if_both_ask_for_one() -> None:
    challenge = [answer("401 No", ["WWW-Authenticate: Basic realm=x", "Content-Length: 0"])]
    async with FakeRegistry("127.0.0.2") as other, led(other, challenge) as (server, session):
        other.push_manifest("project/images/b", "v1", b"{}", "text/x")
        other.require_bearer()
        assert await ask(session) == b"{}"
        assert [seen.headers.get("authorization") for seen in server.requests] == [None, basic("alice", "canary")]
        assert all(not seen.headers.get("authorization", "").startswith("Basic") for seen in other.requests)


async def test_a_realm_is_judged_by_the_host_that_names_it() -> None:
    async with FakeRegistry("127.0.0.2") as other, FakeRegistry("127.0.0.3") as third, led(other) as (server, session):
        other.require_bearer()
        for realm in (third.url, server.url):
            other.realm = f"{realm}/token"
            with pytest.raises(Nonsense, match="where a redirect led"):
                await ask(session)
        assert third.connections == 0
        assert all("/token" not in seen.path for seen in server.requests)


@pytest.mark.parametrize(("certified", "asked"), [(False, 1), (True, 0)])
async def test_a_realm_that_knows_us_by_our_certificate_is_not_asked_for_others(
    tmp_path: Path, certified: bool, asked: int
) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.server_files("client.test") if certified else (None, None)
    async with RawUpstream([answer("403 No", ["Content-Length: 0"])], tls=authority.server("auth.test")) as realm:
        challenge = f'WWW-Authenticate: Bearer realm="https://auth.test:{realm.port}/token"'
        async with (
            RawUpstream([answer("401 No", [challenge, "Content-Length: 0"])], host="127.0.0.2") as other,
            RawUpstream(redirect(f"{other.url}/v2/a/b/manifests/v1")) as server,
        ):
            upstream = Upstream(
                endpoints=(server.url,),
                realms=("auth.test",),
                ca_file=authority.ca_file,
                client_certificate=certificate,
                client_key=key,
                allow_private_addresses=True,
            )
            async with endpoint(upstream, Setting(resolver=Names({"auth.test": ["127.0.0.1"]}))) as session:
                with pytest.raises(Nonsense, match="where a redirect led"):
                    await ask(session)
        assert len(other.requests) == 1
        assert len(realm.requests) == asked


async def test_one_token_is_all_that_is_tried() -> None:
    async with FakeRegistry("127.0.0.2") as other, led(other) as (_, session):
        login = other.require_bearer()
        refusal = Fault(status=401, headers={"WWW-Authenticate": login.challenge(other.realm, "")})
        other.fail(refusal, path="/v2/", times=None)
        with pytest.raises(Nonsense, match="where a redirect led"):
            await ask(session)
        assert (other.count(path="/v2/"), login.issued) == (2, 1)


@pytest.mark.parametrize("seconds", [0, 11])
async def test_a_token_that_was_accepted_there_and_is_refused_is_replaced_at_once(seconds: float) -> None:
    clock = Clock()
    async with FakeRegistry("127.0.0.2") as other, led(other, clock=clock) as (_, session):
        other.push_manifest("project/images/b", "v1", b"{}", "text/x")
        login = other.require_bearer()
        await ask(session)
        login.revoke()
        clock.advance(seconds)
        assert await ask(session) == b"{}"
        assert login.issued == 2


async def test_a_token_that_was_never_accepted_there_is_replaced_once_it_has_some_age() -> None:
    clock = Clock()
    async with FakeRegistry("127.0.0.2") as other, led(other, clock=clock) as (_, session):
        login = other.require_bearer()
        refusal = Fault(status=401, headers={"WWW-Authenticate": login.challenge(other.realm, "")})
        other.fail(refusal, path="/v2/", times=None)
        for seconds, issued in ((0, 1), (0, 1), (11, 2), (0, 2)):
            clock.advance(seconds)
            with pytest.raises(Nonsense, match="where a redirect led"):
                await ask(session)
            assert login.issued == issued


async def test_the_token_is_shown_to_nobody_further_on() -> None:
    async with RawUpstream([answer("200 OK", ["Content-Length: 2"], b"{}")], host="127.0.0.3") as storage:
        async with FakeRegistry("127.0.0.2") as other, led(other) as (_, session):
            login = other.require_bearer()
            other.fail(Fault(status=401, headers={"WWW-Authenticate": login.challenge(other.realm, "")}), path="/v2/")
            other.fail(Fault(status=307, headers={"Location": f"{storage.url}/x"}), path="/v2/")
            assert await ask(session) == b"{}"
        assert "authorization" not in storage.requests[0].headers


async def test_a_realm_that_has_trouble_is_the_registrys_trouble() -> None:
    async with FakeRegistry("127.0.0.2") as other, led(other) as (_, session):
        other.require_bearer()
        other.fail(Fault(status=503), path="/token")
        with pytest.raises(Unreachable):
            await ask(session)


@pytest.mark.parametrize("fault", [Fault(status=401), Fault(status=403), Fault(status=404), Fault(body=b"<html>")])
async def test_a_realm_that_gives_nothing_to_everybody_denies_nothing_to_us(fault: Fault) -> None:
    async with FakeRegistry("127.0.0.2") as other, led(other, path="/x") as (_, session):
        other.require_bearer()
        other.fail(fault, path="/token")
        with pytest.raises(Nonsense, match="where a redirect led"):
            await ask(session)
