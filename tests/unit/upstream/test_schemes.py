from __future__ import annotations

import pytest
from yarl import URL

from mirror.errors import Denied, Nonsense
from mirror.upstream.login import Kind, Login
from mirror.upstream.schemes import Bearer, Direct, Door, choose

DOOR = Door("fake", URL("https://registry.test"))
BEARER = 'Bearer realm="https://registry.test/token",service="s",scope="repository:a/b:pull,push"'
TOKENS = Bearer(URL("https://registry.test/token"), "s")
ALICE = Login("alice", "canary")
IDENTITY = Login("", "canary", Kind.IDENTITY_TOKEN)
REGISTRY = Login("", "canary", Kind.REGISTRY_TOKEN)


@pytest.mark.parametrize(
    ("headers", "login", "scheme"),
    [
        ([BEARER], None, TOKENS),
        ([BEARER], ALICE, TOKENS),
        ([BEARER], IDENTITY, TOKENS),
        ([BEARER], REGISTRY, Direct()),
        (["Basic realm=x"], ALICE, Direct()),
        (["Basic realm=x", BEARER], ALICE, TOKENS),
        ([f"Basic realm=x, {BEARER}"], IDENTITY, TOKENS),
        (['Bearer realm="https://evil.test/token"', "Basic realm=x"], ALICE, Direct()),
        (['Bearer realm="https://evil.test/token"', BEARER], None, TOKENS),
        (['Bearer realm="https://evil.test/token"'], REGISTRY, Direct()),
        (['Bearer realm="https://registry.test/token"'], None, Bearer(URL("https://registry.test/token"), None)),
    ],
)
def test_what_is_answered_depends_on_what_is_asked_and_on_what_there_is(
    headers: list[str], login: Login | None, scheme: Direct | Bearer
) -> None:
    assert choose(DOOR, headers, login, "there is none") == scheme


@pytest.mark.parametrize(
    ("headers", "login", "words"),
    [
        ([], None, "asks for a login, and there is none"),
        (["Basic realm=x"], None, "asks for a login, and there is none"),
        (["Negotiate"], ALICE, "does not take the password that we have for it"),
        (["Basic realm=x"], IDENTITY, "does not take the identity token that we have for it"),
        (["Basic realm=x"], REGISTRY, "does not take the registry token that we have for it"),
    ],
)
def test_a_challenge_that_cannot_be_answered_is_a_denial(headers: list[str], login: Login | None, words: str) -> None:
    with pytest.raises(Denied, match=f"^fake: registry.test {words}"):
        choose(DOOR, headers, login, "there is none")


@pytest.mark.parametrize("login", [None, ALICE, IDENTITY])
@pytest.mark.parametrize(
    "realm", ["https://evil.test/canary", "http://registry.test/canary", "canary", "ftp://canary/"]
)
def test_a_realm_that_may_not_be_asked_is_nonsense(login: Login | None, realm: str) -> None:
    with pytest.raises(Nonsense, match=r"^fake: registry\.test cannot be logged in to: it sends us") as caught:
        choose(DOOR, [f'Bearer realm="{realm}"'], login, "there is none")
    assert "canary" not in str(caught.value)


def test_more_challenges_than_anybody_sends_are_nonsense() -> None:
    with pytest.raises(Nonsense):
        choose(DOOR, ["Basic"] * 1000, ALICE, "there is none")


def test_a_listed_realm_is_asked() -> None:
    door = Door("fake", URL("https://registry.test"), frozenset({"auth.test"}))
    assert choose(door, ['Bearer realm="https://auth.test/"'], ALICE, "") == Bearer(URL("https://auth.test/"), None)
