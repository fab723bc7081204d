from __future__ import annotations

import asyncio

from yarl import URL

from mirror.upstream.identities import Identities
from mirror.upstream.login import Kind, Login
from mirror.upstream.token_requests import Grant

IDENTITY = Login("", "canary", Kind.IDENTITY_TOKEN)


def _grant(login: Login | None = IDENTITY, realm: str = "https://auth.test/token") -> Grant:
    return Grant(login, URL(realm), None, "repository:a:pull")


async def _at_once(identities: Identities, grant: Grant) -> bool:
    """Whether two may ask for a token at the same time."""
    async with identities.turn(grant):
        second = asyncio.ensure_future(identities.turn(grant).__aenter__())
        await asyncio.sleep(0)
        found = second.done()
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
    return found


def test_what_was_given_in_exchange_is_shown_to_the_realm_that_gave_it() -> None:
    identities = Identities()
    identities.answered(_grant(), None, "second")
    assert identities.of(_grant()) == "second"
    assert identities.of(_grant(realm="https://auth.test/another")) == "second"
    assert identities.of(_grant(realm="https://auth.test:8443/token")) is None
    identities.answered(_grant(), "second", None)
    assert identities.of(_grant()) == "second"
    identities.forget(_grant())
    assert identities.of(_grant()) is None


def test_what_was_given_for_another_login_is_forgotten() -> None:
    identities = Identities()
    identities.answered(_grant(), None, "second")
    other = _grant(Login("", "another", Kind.IDENTITY_TOKEN))
    assert identities.of(other) is None
    identities.answered(other, None, None)
    assert identities.of(_grant()) is None


def test_nothing_is_given_in_exchange_for_a_password_or_for_nobody() -> None:
    identities = Identities()
    for login in (None, Login("alice", "canary")):
        identities.answered(_grant(login), None, "second")
        assert identities.of(_grant(login)) is None


async def test_only_where_identity_tokens_are_exchanged_one_asks_at_a_time() -> None:
    identities = Identities()
    assert await _at_once(identities, _grant(None))
    assert await _at_once(identities, _grant(Login("alice", "canary")))
    assert not await _at_once(identities, _grant())
    identities.answered(_grant(), None, IDENTITY.password)
    assert await _at_once(identities, _grant())
    identities.answered(_grant(), None, "second")
    assert not await _at_once(identities, _grant())


def test_realms_without_number_are_not_all_remembered() -> None:
    identities = Identities()
    grants = [_grant(realm=f"https://{number}.auth.test/token") for number in range(100)]
    for grant in grants:
        identities.answered(grant, None, "second")
    assert identities.of(grants[-1]) == "second"
    assert sum(identities.of(grant) is not None for grant in grants) == 16
