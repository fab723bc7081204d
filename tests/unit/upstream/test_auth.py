from __future__ import annotations

import pytest
from pydantic import SecretStr
from yarl import URL

from mirror.config.settings import Upstream
from mirror.errors import Denied, Nonsense
from mirror.upstream.auth import Access, Keys, Proof
from mirror.upstream.credentials import Credentials
from mirror.upstream.login import Login
from mirror.upstream.refusals import Refusals
from mirror.upstream.schemes import Door
from mirror.upstream.tokens import Tokens
from mirror.upstream.transport import Transport
from tests.support.clock import Clock
from tests.support.registry import FakeRegistry
from tests.support.upstreams import LIMITS, transport

ALICE = Login("alice", "canary")


def _alice(*endpoints: str, realms: tuple[str, ...] = ()) -> Upstream:
    return Upstream(endpoints=endpoints, realms=realms, username="alice", password=SecretStr("canary"))


def _access(session: Transport, door: Door, upstream: Upstream, clock: Clock | None = None) -> Access:
    clock = clock or Clock()
    refusals = Refusals(clock)
    keys = Keys(Credentials("fake", upstream), Tokens(session, LIMITS, refusals, clock), refusals, clock)
    return Access(door, keys)


def _bearer(realm: str) -> str:
    return f'Bearer realm="{realm}",service="registry.test",scope="repository:a/b:pull,push"'


async def test_nothing_is_shown_before_it_is_asked_for() -> None:
    upstream = _alice("https://registry.test")
    async with transport(upstream) as session:
        access = _access(session, Door("fake", URL("https://registry.test")), upstream)
        assert await access.proof("a/b") is None


async def test_basic_is_answered_with_the_login_and_remembered() -> None:
    upstream = _alice()
    async with transport(upstream) as session:
        access = _access(session, Door("fake", URL("https://registry.test")), upstream)
        assert await access.answer(['Basic realm="x"'], "a/b", None) == Proof(ALICE.basic(), "a/b", login=ALICE)
        assert await access.proof("c") == Proof(ALICE.basic(), "c", login=ALICE)


async def test_a_refused_basic_login_is_not_shown_again_for_half_a_minute() -> None:
    clock = Clock()
    upstream = _alice()
    async with transport(upstream) as session:
        access = _access(session, Door("fake", URL("https://registry.test")), upstream, clock)
        proof = await access.answer(["Basic realm=x"], "a/b", None)
        with pytest.raises(Denied, match=r"^fake: registry\.test has just refused our login$"):
            await access.answer(["Basic realm=x"], "a/b", proof)
        with pytest.raises(Denied):
            await access.proof("c")
        clock.advance(31)
        assert await access.proof("a/b") == proof


async def test_bearer_is_answered_with_a_token_for_our_scope_only() -> None:
    async with FakeRegistry() as server, transport(Upstream(endpoints=(server.url,))) as session:
        server.require_bearer()
        access = _access(session, Door("fake", URL(server.url)), Upstream())
        proof = await access.answer([_bearer(server.realm)], "a/b", None)
        assert (proof.header, proof.repository) == ("Bearer token-1", "a/b")
        assert await access.proof("a/b") == proof
        assert (await access.proof("c")) != proof
        assert [seen.query.rpartition("scope=")[2] for seen in server.requests] == [
            "repository:a/b:pull",
            "repository:c:pull",
        ]


async def test_a_refused_token_is_renewed_once_for_all() -> None:
    clock = Clock()
    async with FakeRegistry() as server, transport(Upstream(endpoints=(server.url,))) as session:
        login = server.require_bearer()
        access = _access(session, Door("fake", URL(server.url)), Upstream(), clock)
        first = await access.answer([_bearer(server.realm)], "a/b", None)
        clock.advance(10)
        second = await access.answer([_bearer(server.realm)], "a/b", first)
        third = await access.answer([_bearer(server.realm)], "a/b", first)  # another request that still used it
        assert first != second == third
        assert login.issued == 2


@pytest.mark.parametrize(
    "challenges",
    [
        ['Basic realm="x"', "BEARER"],
        ['Basic realm="x", BEARER'],
        ["BEARER", 'Basic realm="x"'],
        ['Digest realm="x", nonce="y"', "BEARER"],
        ['Bearer realm="https://evil.test/token",service="x"', "BEARER"],
        ['Bearer realm="ftp://registry.test/"', "BEARER"],
        ['Bearer service="x"', "BEARER"],
    ],
)
async def test_the_first_bearer_challenge_that_may_be_answered_is(challenges: list[str]) -> None:
    async with FakeRegistry() as server, transport(Upstream(endpoints=(server.url,))) as session:
        server.require_bearer()
        access = _access(session, Door("fake", URL(server.url)), _alice())
        lines = [line.replace("BEARER", _bearer(server.realm)) for line in challenges]
        assert (await access.answer(lines, "a/b", None)).header == "Bearer token-1"


async def test_basic_is_answered_when_no_realm_may_be_asked() -> None:
    upstream = _alice()
    async with transport(upstream) as session:
        access = _access(session, Door("fake", URL("https://registry.test")), upstream)
        lines = ['Bearer realm="https://evil.test/token"', "Basic realm=x"]
        assert await access.answer(lines, "a/b", None) == Proof(ALICE.basic(), "a/b", login=ALICE)


@pytest.mark.parametrize(
    ("realm", "words"),
    [
        ("https://evil.test/token?canary", "evil.test, which is not of its domain; .* add it to `realms`"),
        ("http://registry.test/token", "without https"),
        ("https://user:canary@registry.test/token", "holds a user or password"),
        ("//registry.test/token", "neither http nor https"),
        ("", "not printable"),
    ],
)
async def test_a_realm_that_may_not_be_asked_is_explained_to_the_operator(realm: str, words: str) -> None:
    upstream = _alice()
    async with transport(upstream) as session:
        access = _access(session, Door("fake", URL("https://registry.test")), upstream)
        with pytest.raises(Nonsense, match=f"^fake: registry.test cannot be logged in to: .*{words}") as caught:
            await access.answer([_bearer(realm)], "a/b", None)
    assert "canary" not in str(caught.value)


async def test_a_listed_realm_is_asked() -> None:
    async with FakeRegistry() as server:
        server.require_bearer("alice", "canary")
        realm = server.realm.replace("127.0.0.1", "localhost")
        upstream = _alice("http://localhost:1", realms=("localhost",))
        async with transport(upstream) as session:
            door = Door("fake", URL("http://localhost:1"), frozenset(upstream.realms), insecure=True)
            assert (await _access(session, door, upstream).answer([_bearer(realm)], "a/b", None)).header


@pytest.mark.parametrize("challenges", [[], ["Negotiate"], ["Digest realm=x"], ["canary canary canary"], ["Basic"]])
async def test_a_challenge_that_cannot_be_answered_is_a_denial(challenges: list[str]) -> None:
    async with transport(Upstream()) as session:
        access = _access(session, Door("fake", URL("https://registry.test")), Upstream())
        with pytest.raises(Denied, match="asks for a login, and there is none"):
            await access.answer(challenges, "a/b", None)


async def test_more_challenges_than_anybody_sends_are_nonsense() -> None:
    async with transport(Upstream()) as session:
        access = _access(session, Door("fake", URL("https://registry.test")), Upstream())
        with pytest.raises(Nonsense):
            await access.answer(["Basic"] * 1000, "a/b", None)


async def test_over_plain_http_no_login_travels_unless_it_is_called_insecure() -> None:
    async with FakeRegistry() as server, transport(Upstream(endpoints=(server.url,))) as session:
        server.require_bearer()
        upstream = _alice(server.url)
        anonymous = _access(session, Door("fake", URL(server.url)), upstream)
        await anonymous.answer([_bearer(server.realm)], "a/b", None)
        assert "authorization" not in server.requests[-1].headers
        with pytest.raises(Denied, match="is not sent over plain http; `insecure: true` would allow it"):
            await anonymous.answer(["Basic realm=x"], "a/b", None)
        server.require_bearer("alice", "canary")
        with pytest.raises(Denied, match="`insecure: true` would allow it"):
            await anonymous.answer([_bearer(server.realm)], "c", None)
        insecure = _access(session, Door("fake", URL(server.url), insecure=True), upstream)
        await insecure.answer([_bearer(server.realm)], "a/b", None)
        assert server.requests[-1].headers["authorization"] == ALICE.basic()
        assert (await insecure.answer(["Basic realm=x"], "a/b", None)).header == ALICE.basic()


async def test_a_young_token_that_is_refused_is_not_replaced() -> None:
    clock = Clock()
    async with FakeRegistry() as server, transport(Upstream(endpoints=(server.url,))) as session:
        login = server.require_bearer()
        access = _access(session, Door("fake", URL(server.url)), Upstream(), clock)
        first = await access.answer([_bearer(server.realm)], "a/b", None)
        clock.advance(9)
        with pytest.raises(Denied, match="refuses a token that was made for this"):
            await access.answer([_bearer(server.realm)], "a/b", first)
        assert login.issued == 1
        other = _bearer(f"{server.realm}?another")
        assert await access.answer([other], "a/b", first) != first  # another realm may know better
        assert login.issued == 2


async def test_a_young_token_of_a_login_that_is_refused_is_not_replaced() -> None:
    upstream = _alice()
    async with FakeRegistry() as server, transport(Upstream(endpoints=(server.url,))) as session:
        login = server.require_bearer("alice", "canary")
        access = _access(session, Door("fake", URL(server.url), insecure=True), upstream)
        first = await access.answer([_bearer(server.realm)], "a/b", None)
        with pytest.raises(Denied, match="refuses a token that was made for this"):
            await access.answer([_bearer(server.realm)], "a/b", first)
        assert login.issued == 1


async def test_a_token_that_earns_a_400_is_renewed_only_if_it_has_some_age() -> None:
    clock = Clock()
    async with FakeRegistry() as server, transport(Upstream(endpoints=(server.url,))) as session:
        login = server.require_bearer()
        access = _access(session, Door("fake", URL(server.url)), Upstream(), clock)
        first = await access.answer([_bearer(server.realm)], "a/b", None)
        assert await access.renewed("a/b", first) is None
        clock.advance(11)
        second = await access.renewed("a/b", first)
        assert second is not None
        assert second != first
        assert login.issued == 2


async def test_a_login_that_earns_a_400_is_left_alone() -> None:
    upstream = _alice()
    async with transport(upstream) as session:
        access = _access(session, Door("fake", URL("https://registry.test")), upstream)
        proof = await access.answer(["Basic realm=x"], "a/b", None)
        assert await access.renewed("a/b", proof) is None


async def test_every_challenge_is_read_anew() -> None:
    async with FakeRegistry() as server, transport(Upstream(endpoints=(server.url,))) as session:
        server.require_bearer()
        access = _access(session, Door("fake", URL(server.url)), Upstream())
        proof = await access.answer([_bearer(server.realm)], "a/b", None)
        with pytest.raises(Nonsense):
            await access.answer([_bearer("http://evil.test/token")], "a/b", proof)


def test_a_proof_does_not_show_itself() -> None:
    assert "canary" not in repr(Proof("Bearer canary", "a/b"))
