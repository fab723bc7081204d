"""Logins in requests, for one pull."""

from __future__ import annotations

import pytest

from mirror.errors import Code, Refused
from mirror.pull.lending import parse_loan, written
from mirror.upstream.login import Kind, Login


@pytest.mark.parametrize(
    ("document", "login"),
    [
        ({"username": "alice", "password": "canary"}, Login("alice", "canary")),
        ({"username": "<token>", "password": "canary"}, Login("", "canary", Kind.IDENTITY_TOKEN)),
        ({"identitytoken": "canary"}, Login("", "canary", Kind.IDENTITY_TOKEN)),
    ],
)
def test_a_login_is_read_and_written(document: dict[str, str], login: Login) -> None:
    assert parse_loan(document) == login
    assert parse_loan(written(login)) == login
    assert "canary" not in repr(login)


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        "alice:canary",
        {"username": "alice"},
        {"username": "alice", "password": "canary", "more": 1},
        {"username": "a:b", "password": "canary"},
        {"username": "alice", "password": "canary\n"},
        {"username": 1, "password": "canary"},
        {"identitytoken": "canary canary"},
        {"registrytoken": "canary"},
    ],
)
def test_what_is_no_login_is_refused_without_repeating_it(document: object) -> None:
    with pytest.raises(Refused) as refusal:
        parse_loan(document)
    assert refusal.value.code is Code.BAD_REQUEST
    assert "canary" not in str(refusal.value)


def test_a_registry_token_is_not_lent() -> None:
    with pytest.raises(Refused, match="cannot be lent"):
        written(Login("", "canary", Kind.REGISTRY_TOKEN))
