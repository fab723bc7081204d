"""A realm that was learned and then fails: it is forgotten when it is broken, and kept when it says no."""

from __future__ import annotations

import pytest
from yarl import URL

from mirror.config.settings import Upstream
from mirror.errors import Denied, Nonsense, Throttled, Unreachable
from mirror.upstream.auth import Access, Keys
from mirror.upstream.credentials import Credentials
from mirror.upstream.refusals import Refusals
from mirror.upstream.schemes import Door
from mirror.upstream.tokens import Tokens
from mirror.upstream.transport import Transport
from tests.support.clock import Clock
from tests.support.faults import Fault
from tests.support.registry import FakeRegistry
from tests.support.upstreams import LIMITS, Setting, transport


def _access(session: Transport, server: FakeRegistry) -> Access:
    clock = Clock()
    refusals = Refusals(clock)
    keys = Keys(Credentials("fake", Upstream()), Tokens(session, LIMITS, refusals, clock), refusals, clock)
    return Access(Door("fake", URL(server.url)), keys)


def _challenge(server: FakeRegistry) -> str:
    return f'Bearer realm="{server.realm}",service="registry.test"'


@pytest.mark.parametrize("fault", [Fault(status=404), Fault(status=503), Fault(drop=True), Fault(body=b"<html>")])
async def test_a_realm_that_gives_no_token_is_forgotten(fault: Fault) -> None:
    clock = Clock()
    async with FakeRegistry() as server, transport(Upstream(endpoints=(server.url,)), Setting(clock=clock)) as session:
        server.require_bearer()
        access = _access(session, server)
        await access.answer([_challenge(server)], "a/b", None)
        server.fail(fault, path="/token", times=None)
        with pytest.raises((Nonsense, Unreachable)):
            await access.proof("c")
        assert await access.proof("c") is None
        with pytest.raises((Nonsense, Unreachable)):
            await access.answer([_challenge(server)], "c", None)
        assert await access.proof("c") is None
        server.heal()
        clock.advance(10)  # for which a realm that does not answer is left alone
        assert await access.answer([_challenge(server)], "c", None) == await access.proof("c")


@pytest.mark.parametrize("fault", [Fault(status=429), Fault(status=401), Fault(status=403)])
async def test_a_realm_that_refuses_us_is_remembered(fault: Fault) -> None:
    clock = Clock()
    async with FakeRegistry() as server, transport(Upstream(endpoints=(server.url,)), Setting(clock=clock)) as session:
        server.require_bearer()
        access = _access(session, server)
        await access.answer([_challenge(server)], "a/b", None)
        server.fail(fault, path="/token")
        with pytest.raises((Denied, Throttled)):
            await access.proof("c")
        clock.advance(60)
        assert await access.proof("c") is not None
