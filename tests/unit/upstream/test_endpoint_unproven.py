"""An endpoint whose token realm is gone: what it is asked then, and what its answer is worth."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mirror.config.settings import Upstream
from mirror.errors import Denied, Nonsense
from tests.support.faults import Fault
from tests.support.registry import FakeRegistry
from tests.support.upstreams import QUESTION, ask, endpoint


def _guarded(server: FakeRegistry) -> None:
    for repository in ("a/b", "c"):
        server.push_manifest(repository, "v1", b"{}", "text/x")
    server.require_bearer(expires_in=300)


async def test_a_registry_that_asks_for_nothing_any_more_is_asked_without_a_token() -> None:
    async with FakeRegistry() as server, endpoint(Upstream(endpoints=(server.url,))) as session:
        _guarded(server)
        await ask(session)
        server.login = None
        server.fail(Fault(status=404), path="/token", times=None)
        other = server.count(path="/token")
        question = replace(QUESTION, repository="c")
        for _ in range(2):
            assert await (await session.ask(question)).whole(10) == b"{}"
        assert server.count(path="/token") == other + 1


async def test_a_realm_that_has_moved_is_found_by_the_next_request() -> None:
    async with FakeRegistry() as server, endpoint(Upstream(endpoints=(server.url,))) as session:
        _guarded(server)
        realm, server.realm = server.realm, f"{server.url}/token/moved"
        server.fail(Fault(status=404), path="/token/moved", times=None)
        with pytest.raises(Nonsense):
            await ask(session)
        server.realm = realm
        assert await ask(session) == b"{}"


@pytest.mark.parametrize("status", [400, 403, 404])
async def test_a_refusal_of_who_cannot_show_a_token_says_nothing(status: int) -> None:
    async with FakeRegistry() as server, endpoint(Upstream(endpoints=(server.url,))) as session:
        _guarded(server)
        await ask(session)
        server.fail(Fault(status=404), path="/token", times=None)
        server.fail(Fault(status=status), path="/v2/c/", times=None)
        with pytest.raises(Nonsense, match="to a request for a token"):
            await session.ask(replace(QUESTION, repository="c"))
        server.heal()
        server.fail(Fault(status=403), path="/v2/c/", times=None)
        with pytest.raises(Denied):
            await session.ask(replace(QUESTION, repository="c"))
