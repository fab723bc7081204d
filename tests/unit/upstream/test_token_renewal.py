"""A token late in its life: it is used while another one is fetched, which may fail."""

from __future__ import annotations

import asyncio

import pytest
from yarl import URL

from mirror.config.settings import Limits, Upstream
from mirror.errors import Denied, UpstreamError
from mirror.upstream.login import Login
from mirror.upstream.refusals import Refusals
from mirror.upstream.token_requests import Grant
from mirror.upstream.tokens import Tokens
from mirror.upstream.transport import Transport
from tests.support.clock import Clock
from tests.support.faults import Fault, Never
from tests.support.registry import FakeRegistry
from tests.support.upstreams import LIMITS, transport

ALICE = Login("alice", "canary")


def _tokens(session: Transport, clock: Clock, limits: Limits = LIMITS) -> Tokens:
    return Tokens(session, limits, Refusals(clock), clock)


def _grant(realm: str, login: Login | None = None) -> Grant:
    return Grant(login, URL(realm), "registry.test", "repository:a/b:pull")


def _of(server: FakeRegistry) -> Upstream:
    return Upstream(endpoints=(server.url,))


async def _renewals() -> int:
    """Waits for those under way, and says how many they were."""
    tasks = [task for task in asyncio.all_tasks() if task.get_name() == "token-renewal"]
    async with asyncio.timeout(10):
        await asyncio.gather(*tasks)
    return len(tasks)


async def test_a_token_is_renewed_after_four_fifths_of_its_life() -> None:
    clock = Clock()
    async with FakeRegistry() as server, transport(_of(server)) as session:
        login = server.require_bearer(expires_in=100)
        tokens, grant = _tokens(session, clock), _grant(server.realm)
        first = await tokens.get(grant)
        clock.advance(79)
        assert await tokens.get(grant) is first
        clock.advance(2)
        release = asyncio.Event()
        server.fail(Fault(hold=release), path="/token")
        assert await tokens.get(grant) is first  # nobody waits
        await server.arrived(path="/token", times=2)
        assert await tokens.get(grant) is first
        release.set()
        await _renewals()
        assert await tokens.get(grant) is not first
        assert login.issued == 2


NO_TOKEN = {
    "trouble": Fault(status=503),
    "limits": Fault(status=429),
    "gone": Fault(status=404),
    "no JSON": Fault(body=b"<html>"),
    "broken": Fault(drop=True),
    "silence": Fault(hold=Never()),
}


@pytest.mark.parametrize("fault", NO_TOKEN.values(), ids=NO_TOKEN)
async def test_a_token_that_cannot_be_renewed_is_used_to_its_end(fault: Fault) -> None:
    clock, limits = Clock(), LIMITS.model_copy(update={"first_byte_timeout": 30.0, "answer_timeout": 0.2})
    async with FakeRegistry() as server, transport(_of(server)) as session:
        server.require_bearer(expires_in=100)
        tokens, grant = _tokens(session, clock, limits), _grant(server.realm)
        first = await tokens.get(grant)
        server.fail(fault, path="/token", times=None)
        clock.advance(90)
        assert await tokens.get(grant) is first
        await server.arrived(path="/token", times=2)
        clock.advance(9)
        assert await tokens.get(grant) is first
        clock.advance(2)
        with pytest.raises(UpstreamError):
            await tokens.get(grant)
        await tokens.aclose()


async def test_a_realm_that_fails_is_not_asked_at_every_request() -> None:
    clock = Clock()
    async with FakeRegistry() as server, transport(_of(server)) as session:
        login = server.require_bearer(expires_in=100)
        tokens, grant = _tokens(session, clock), _grant(server.realm)
        first = await tokens.get(grant)
        server.fail(Fault(status=503), path="/token")
        clock.advance(81)
        await tokens.get(grant)
        await server.arrived(path="/token", times=2)
        await _renewals()
        clock.advance(4)
        assert await tokens.get(grant) is first
        assert await _renewals() == 0
        clock.advance(1)
        assert await tokens.get(grant) is first
        assert await _renewals() == 1
        assert login.issued == 2


async def test_whose_login_is_refused_does_not_go_on_with_a_token_made_from_it() -> None:
    clock = Clock()
    async with FakeRegistry() as server, transport(_of(server)) as session:
        server.require_bearer("alice", "canary", expires_in=100)
        tokens, grant = _tokens(session, clock), _grant(server.realm, ALICE)
        first = await tokens.get(grant)
        server.require_bearer("alice", "another")
        clock.advance(81)
        assert await tokens.get(grant) is first
        await _renewals()
        with pytest.raises(Denied):
            await tokens.get(grant)


async def test_closing_ends_a_renewal_under_way() -> None:
    clock = Clock()
    async with FakeRegistry() as server, transport(_of(server)) as session:
        server.require_bearer(expires_in=100)
        tokens, grant = _tokens(session, clock), _grant(server.realm)
        await tokens.get(grant)
        server.fail(Fault(hold=Never()), path="/token")
        clock.advance(81)
        await tokens.get(grant)
        await server.arrived(path="/token", times=2)
        await tokens.aclose()
        assert {task.get_name() for task in asyncio.all_tasks()}.isdisjoint({"token", "token-renewal"})
