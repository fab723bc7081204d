"""Logins that programs give out, as an endpoint sees them: replaced when they have expired, and never insisted on."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from mirror.config.settings import Upstream
from mirror.errors import Denied, Interrupted, Unreachable
from tests.support.clock import Clock
from tests.support.faults import Fault
from tests.support.logins import basic
from tests.support.registry import FakeRegistry
from tests.support.scripts import Script, failing, printing
from tests.support.upstreams import QUESTION, Setting, ask, endpoint, opened, pull

OLD, NEW = basic("AWS", "old"), basic("AWS", "new")


def _upstream(url: str, script: Script) -> Upstream:
    return Upstream(endpoints=(url,), credential_command=(str(script.path),), insecure=True)


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_an_expired_login_is_replaced_within_the_same_question(tmp_path: Path, status: int) -> None:
    clock, script = Clock(), Script(tmp_path, "login", printing("AWS", "old"))
    async with FakeRegistry() as server, endpoint(_upstream(server.url, script), Setting(clock=clock)) as session:
        server.push_manifest("a/b", "v1", b"{}", "text/x")
        server.require_basic("AWS", "old")
        await ask(session)
        server.require_basic("AWS", "new")
        script.does(printing("AWS", "new"))
        clock.advance(10)
        server.fail(Fault(status=status, headers={"WWW-Authenticate": "Basic realm=x"}), path="/v2/")
        assert await ask(session) == b"{}"
        assert [seen.headers.get("authorization") for seen in server.requests] == [None, OLD, OLD, NEW]


async def test_a_login_that_is_refused_although_it_is_the_newest_is_not_insisted_on(tmp_path: Path) -> None:
    clock, script = Clock(), Script(tmp_path, "login", printing("AWS", "old"))
    async with FakeRegistry() as server, endpoint(_upstream(server.url, script), Setting(clock=clock)) as session:
        server.require_basic("AWS", "new")
        for _ in range(29):
            with pytest.raises(Denied):
                await ask(session)
            clock.advance(1)
        assert [seen.headers.get("authorization") for seen in server.requests].count(OLD) == 1
        assert len(script.inputs) <= 4  # every ten seconds


async def test_repositories_that_answer_a_good_login_with_401_lock_nobody_out_of_the_others() -> None:
    async with FakeRegistry() as server:
        server.push_manifest("a/b", "v1", b"{}", "text/x")
        server.require_basic("alice", "canary")
        refusal = Fault(status=401, headers={"WWW-Authenticate": "Basic realm=x"})
        server.fail(refusal, path="/v2/secret/", times=None)
        upstream = Upstream(endpoints=(server.url,), username="alice", password=SecretStr("canary"), insecure=True)
        async with endpoint(upstream) as session:
            await ask(session)
            for repository in ("secret/x", "secret/y"):
                with pytest.raises(Denied):
                    await session.ask(replace(QUESTION, repository=repository))
            assert await ask(session) == b"{}"


async def test_however_many_ask_at_once_a_wrong_login_is_shown_once(tmp_path: Path) -> None:
    script = Script(tmp_path, "login", printing("AWS", "old"))
    async with FakeRegistry() as server, endpoint(_upstream(server.url, script)) as session:
        server.require_basic("AWS", "new")
        questions = [replace(QUESTION, repository=f"r{number}") for number in range(20)]
        got = await asyncio.gather(*map(session.ask, questions), return_exceptions=True)
        assert {type(one) for one in got} == {Denied}
        assert [seen.headers.get("authorization") for seen in server.requests].count(OLD) == 1


async def test_once_a_login_is_accepted_nobody_waits_for_another(tmp_path: Path) -> None:
    script, release = Script(tmp_path, "login", printing("AWS", "old")), asyncio.Event()
    async with FakeRegistry() as server, endpoint(_upstream(server.url, script)) as session:
        server.push_manifest("a/b", "v1", b"{}", "text/x")
        server.require_basic("AWS", "old")
        await ask(session)
        server.fail(Fault(hold=release), path="/v2/", times=None)
        asked = [asyncio.ensure_future(ask(session)) for _ in range(10)]
        await server.arrived(path="/v2/", times=12)
        release.set()
        assert await asyncio.gather(*asked) == [b"{}"] * 10


async def test_a_403_that_is_about_the_repository_costs_no_second_question(tmp_path: Path) -> None:
    script = Script(tmp_path, "login", printing("AWS", "old"))
    async with FakeRegistry() as server, endpoint(_upstream(server.url, script)) as session:
        server.push_manifest("a/b", "v1", b"{}", "text/x")
        server.require_basic("AWS", "old")
        await ask(session)
        server.fail(Fault(status=403), path="/v2/")
        with pytest.raises(Denied):
            await ask(session)
        assert (len(server.requests), len(script.inputs)) == (3, 1)
        assert await ask(session) == b"{}"


async def test_a_registry_that_wants_no_login_is_asked_although_there_is_none_to_be_had(tmp_path: Path) -> None:
    script = Script(tmp_path, "login", failing("canary"))
    async with FakeRegistry() as server, endpoint(_upstream(server.url, script)) as session:
        server.push_manifest("a/b", "v1", b"{}", "text/x")
        assert await ask(session) == b"{}"
        assert script.inputs == []
        server.require_basic("AWS", "old")
        with pytest.raises(Unreachable, match="its credential_command ended with 1"):
            await ask(session)


async def test_a_helpers_login_is_asked_for_once_for_a_whole_pull_and_ends_with_the_registry(tmp_path: Path) -> None:
    script = Script(tmp_path, "login", printing("alice", "canary"))
    async with FakeRegistry() as server:
        digest = server.push_blob("a/b", b"content")
        server.push_manifest("a/b", "v1", b"{}", "text/x")
        server.require_bearer("alice", "canary")
        async with opened(_upstream(server.url, script)) as registry:
            await registry.manifest("a/b", "v1")
            assert await pull(registry, "a/b", digest) == b"content"
            assert registry.credentials.describe() == "credential_command login"
    assert script.inputs == ["fake"]


async def test_a_token_that_ends_within_a_transfer_is_renewed_where_the_transfer_goes_on() -> None:
    clock, content = Clock(), bytes(range(256)) * 4096
    async with FakeRegistry() as server:
        login = server.require_bearer(expires_in=5)
        login.clock = clock
        digest = server.push_blob("a/b", content)
        server.fail(Fault(cut_at=300_000), path="/blobs/", times=None)
        got = bytearray()
        async with opened(Upstream(endpoints=(server.url,)), Setting(clock=clock)) as registry:
            for part in range(4):
                async with registry.blob("a/b", digest, len(got)) as body:
                    assert body.offset == len(got)
                    with suppress(Interrupted):
                        while piece := await body.read():
                            got += piece
                assert login.issued == part + 1
                clock.advance(6)
        assert bytes(got) == content
        assert server.bytes_sent < len(content) * 1.001  # what else was sent are refusals


async def test_a_token_that_is_revoked_within_a_transfer_is_renewed_where_the_transfer_goes_on() -> None:
    clock, content = Clock(), bytes(range(256)) * 4096
    async with FakeRegistry() as server:
        login = server.require_bearer()
        digest = server.push_blob("a/b", content)
        server.fail(Fault(cut_at=300_000), path="/blobs/", times=None)
        async with opened(Upstream(endpoints=(server.url,)), Setting(clock=clock)) as registry:
            async with registry.blob("a/b", digest, 0) as body:
                with suppress(Interrupted):
                    while await body.read():
                        pass
            login.revoke()
            async with registry.blob("a/b", digest, 300_000) as body:
                assert body.offset == 300_000
                assert await body.read()
        assert login.issued == 2


async def test_a_registry_that_takes_tokens_and_refuses_them_in_turn_costs_a_token_every_five_seconds() -> None:
    clock = Clock()
    async with FakeRegistry() as server, endpoint(Upstream(endpoints=(server.url,)), Setting(clock=clock)) as session:
        server.push_manifest("a/b", "v1", b"{}", "text/x")
        login = server.require_bearer()
        challenge = {"WWW-Authenticate": f'Bearer realm="{server.realm}",service="registry.test"'}
        refusal = Fault(status=401, headers=challenge)
        await ask(session)
        for early in (2, 3):
            server.fail(refusal, path="/v2/")
            await ask(session)  # one that was accepted is replaced
            assert login.issued == early
            for _ in range(5):
                server.fail(refusal, path="/v2/")
                with pytest.raises(Denied):
                    await ask(session)
                await ask(session)
            assert login.issued == early
            clock.advance(5)


async def test_a_registry_that_refuses_every_token_that_it_once_took_is_shown_one_more() -> None:
    async with FakeRegistry() as server, endpoint(Upstream(endpoints=(server.url,))) as session:
        server.push_manifest("a/b", "v1", b"{}", "text/x")
        login = server.require_bearer()
        await ask(session)
        challenge = {"WWW-Authenticate": f'Bearer realm="{server.realm}",service="registry.test"'}
        server.fail(Fault(status=401, headers=challenge), path="/v2/", times=None)
        for _ in range(5):
            with pytest.raises(Denied):
                await ask(session)
        assert login.issued == 2
