"""Logins that change while they are used, and those that are no user with a password."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from yarl import URL

from mirror.config.settings import Upstream
from mirror.errors import Denied, Unreachable
from mirror.upstream.auth import Access, Keys, Proof
from mirror.upstream.credentials import Credentials
from mirror.upstream.login import Login
from mirror.upstream.refusals import Refusals
from mirror.upstream.schemes import Door
from mirror.upstream.tokens import Tokens
from mirror.upstream.transport import Transport
from tests.support.clock import Clock
from tests.support.registry import FakeRegistry
from tests.support.scripts import environment, failing, helper, printing
from tests.support.upstreams import LIMITS, transport

BASIC = ["Basic realm=x"]


def _access(session: Transport, url: str, credentials: Credentials, clock: Clock) -> Access:
    refusals = Refusals(clock)
    keys = Keys(credentials, Tokens(session, LIMITS, refusals, clock), refusals, clock)
    return Access(Door("fake", URL(url), insecure=True), keys)


def _bearer(server: FakeRegistry) -> list[str]:
    return [f'Bearer realm="{server.realm}",service="registry.test"']


def _file(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


async def test_a_password_that_changed_is_shown_at_once_by_basic(tmp_path: Path) -> None:
    file = _file(tmp_path / "password", "old")
    clock, credentials = Clock(), Credentials("fake", Upstream(username="alice", password_file=file))
    async with transport(Upstream()) as session:
        access = _access(session, "https://registry.test", credentials, clock)
        first = await access.answer(BASIC, "a/b", None)
        with pytest.raises(Denied, match="has just refused our login"):
            await access.answer(BASIC, "a/b", first)
        _file(file, "rotated")
        proof = await access.proof("a/b")
    assert proof is not None
    assert proof.login == Login("alice", "rotated")


async def test_a_password_that_changed_is_shown_at_once_to_the_realm(tmp_path: Path) -> None:
    file = _file(tmp_path / "password", "old")
    credentials = Credentials("fake", Upstream(username="alice", password_file=file))
    async with FakeRegistry() as server, transport(Upstream(endpoints=(server.url,))) as session:
        server.require_bearer("alice", "rotated")
        access = _access(session, server.url, credentials, Clock())
        for _ in range(3):
            with pytest.raises(Denied):
                await access.answer(_bearer(server), "a/b", None)
        assert server.count(path="/token") == 1
        _file(file, "rotated")
        assert (await access.answer(_bearer(server), "a/b", None)).header == "Bearer token-1"


async def test_a_token_of_a_login_that_changed_is_not_used_any_more(tmp_path: Path) -> None:
    file = _file(tmp_path / "password", "old")
    credentials = Credentials("fake", Upstream(username="alice", password_file=file))
    async with FakeRegistry() as server, transport(Upstream(endpoints=(server.url,))) as session:
        server.require_bearer("alice", "old")
        access = _access(session, server.url, credentials, Clock())
        old = await access.answer(_bearer(server), "a/b", None)
        server.require_bearer("alice", "rotated")
        _file(file, "rotated")
        new = await access.proof("a/b")
        assert server.count(path="/token") == 2
    assert new is not None
    assert new.token is not old.token


async def test_a_refused_login_of_a_helper_is_replaced_within_the_same_question(tmp_path: Path) -> None:
    clock = Clock()
    script = helper(tmp_path, "fake", printing("alice", "old"))
    credentials = Credentials("fake", Upstream(credential_helper="fake"), environment(tmp_path), clock)
    async with FakeRegistry() as server, transport(Upstream(endpoints=(server.url,))) as session:
        server.require_bearer("alice", "old")
        access = _access(session, server.url, credentials, clock)
        await access.answer(_bearer(server), "a/b", None)
        server.require_bearer("alice", "rotated")
        script.does(printing("alice", "rotated"))
        clock.advance(10)
        assert (await access.answer(_bearer(server), "c", None)).header == "Bearer token-1"
        basic = await access.answer(BASIC, "c", None)
        script.does(printing("alice", "again"))
        clock.advance(10)
        better = await access.answer(BASIC, "c", basic)
    assert better.login == Login("alice", "again")
    assert len(script.inputs) == 3


async def test_a_login_that_earns_a_400_is_replaced_if_there_is_another(tmp_path: Path) -> None:
    clock = Clock()
    script = helper(tmp_path, "fake", printing("AWS", "old"))
    credentials = Credentials("fake", Upstream(credential_helper="fake"), environment(tmp_path), clock)
    async with transport(Upstream()) as session:
        access = _access(session, "https://registry.test", credentials, clock)
        proof = await access.answer(BASIC, "a/b", None)
        assert await access.renewed("a/b", proof) is None
        clock.advance(10)
        assert await access.renewed("a/b", proof) is None
        script.does(printing("AWS", "rotated"))
        clock.advance(10)
        better = await access.renewed("a/b", proof)
    login = Login("AWS", "rotated")
    assert better == Proof(login.basic(), "a/b", login=login)


async def test_a_login_that_cannot_be_had_is_no_refusal(tmp_path: Path) -> None:
    helper(tmp_path, "fake", failing("canary"))
    credentials = Credentials("fake", Upstream(credential_helper="fake"), environment(tmp_path), Clock())
    async with FakeRegistry() as server, transport(Upstream(endpoints=(server.url,))) as session:
        server.require_bearer("alice", "canary")
        access = _access(session, server.url, credentials, Clock())
        with pytest.raises(Unreachable, match="docker-credential-fake ended with 1"):
            await access.answer(_bearer(server), "a/b", None)
        assert server.requests == []


def _docker(directory: Path, **entry: str) -> Credentials:
    config = _file(directory / "config.json", json.dumps({"auths": {"fake": entry}}))
    return Credentials("fake", Upstream(docker_config=config))


async def test_a_registry_token_is_shown_to_the_registry_and_to_no_realm(tmp_path: Path) -> None:
    async with FakeRegistry() as server, transport(Upstream(endpoints=(server.url,))) as session:
        server.require_bearer()
        access = _access(session, server.url, _docker(tmp_path, registrytoken="canary"), Clock())
        proof = await access.answer(_bearer(server), "a/b", None)
        assert proof.header == "Bearer canary"
        assert await access.proof("a/b") == proof
        with pytest.raises(Denied, match="has just refused our login"):
            await access.answer(_bearer(server), "a/b", proof)
        assert server.requests == []


async def test_a_login_of_another_kind_is_shown_as_that_kind(tmp_path: Path) -> None:
    clock = Clock()
    async with FakeRegistry() as server, transport(Upstream(endpoints=(server.url,))) as session:
        server.require_bearer("alice", "canary")
        access = _access(session, server.url, _docker(tmp_path, username="alice", password="canary"), clock)
        await access.answer(_bearer(server), "a/b", None)
        _docker(tmp_path, registrytoken="canary-2")
        proof = await access.proof("a/b")
        assert proof is not None
        assert proof.header == "Bearer canary-2"


async def test_an_identity_token_is_of_no_use_where_a_password_is_wanted(tmp_path: Path) -> None:
    async with transport(Upstream()) as session:
        credentials = _docker(tmp_path, username="alice", password="canary")
        access = _access(session, "https://registry.test", credentials, Clock())
        await access.answer(BASIC, "a/b", None)
        _docker(tmp_path, identitytoken="canary")
        with pytest.raises(Denied):
            await access.proof("a/b")
        assert await access.proof("a/b") is None  # the next challenge may be another one
        with pytest.raises(Denied, match="does not take the identity token"):
            await access.answer(BASIC, "a/b", None)


async def test_a_login_that_is_accepted_is_refused_for_one_repository_alone(tmp_path: Path) -> None:
    credentials = _docker(tmp_path, username="alice", password="canary")
    async with transport(Upstream()) as session:
        access = _access(session, "https://registry.test", credentials, Clock())
        access.accepted(await access.answer(BASIC, "a/b", None))
        proof = await access.proof("secret")
        assert proof is not None
        with pytest.raises(Denied, match="has just refused our login"):
            await access.answer(BASIC, "secret", proof)
        assert await access.proof("a/b") is not None


async def test_a_login_that_was_good_is_still_shown_where_it_was_accepted(tmp_path: Path) -> None:
    credentials = _docker(tmp_path, username="alice", password="canary")
    async with transport(Upstream()) as session:
        access = _access(session, "https://registry.test", credentials, Clock())
        good = await access.answer(BASIC, "a/b", None)
        access.accepted(good)
        for repository in ("secret", "another"):
            proof = await access.proof(repository)
            assert proof is not None
            access.refused(proof)
        with pytest.raises(Denied, match="has just refused our login"):
            await access.proof("third")
        assert await access.proof("a/b") == good


async def test_a_login_that_was_refused_while_another_waited_to_show_it_is_not_shown_again(tmp_path: Path) -> None:
    credentials = _docker(tmp_path, username="alice", password="canary")
    async with transport(Upstream()) as session:
        access = _access(session, "https://registry.test", credentials, Clock())
        first, second = await access.answer(BASIC, "a/b", None), await access.proof("c")
        async with access.showing(first):
            access.refused(first)
        with pytest.raises(Denied, match="has just refused our login"):
            async with access.showing(second):
                pass


async def test_a_repository_that_was_refused_to_a_good_login_is_not_asked_for_with_it(tmp_path: Path) -> None:
    credentials = _docker(tmp_path, username="alice", password="canary")
    async with transport(Upstream()) as session:
        access = _access(session, "https://registry.test", credentials, Clock())
        access.accepted(await access.answer(BASIC, "a/b", None))
        waiting = await access.proof("secret")
        assert waiting is not None
        access.refused(waiting)
        with pytest.raises(Denied, match="has just refused our login"):
            async with access.showing(waiting):
                pass
        async with access.showing(await access.proof("a/b")):
            pass


async def test_a_login_that_is_taken_away_is_asked_for_anew(tmp_path: Path) -> None:
    async with transport(Upstream()) as session:
        credentials = _docker(tmp_path, username="alice", password="canary")
        access = _access(session, "https://registry.test", credentials, Clock())
        await access.answer(BASIC, "a/b", None)
        _file(tmp_path / "config.json", "{}")
        with pytest.raises(Denied, match=r"^fake: registry\.test asks for a login, and there is none for it$"):
            await access.proof("a/b")
        assert await access.proof("a/b") is None  # the next challenge may be one that can be answered


async def test_a_proof_that_is_no_login_is_shown_by_all_at_once(tmp_path: Path) -> None:
    async with transport(Upstream()) as session:
        access = _access(session, "https://registry.test", _docker(tmp_path), Clock())
        for proof in (None, Proof("Bearer token", "a/b")):
            async with asyncio.timeout(1), access.showing(proof), access.showing(proof):
                pass
