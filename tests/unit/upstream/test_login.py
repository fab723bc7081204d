from __future__ import annotations

import base64

import pytest

from mirror.upstream.login import IDENTITY, Kind, Login, from_pair, from_token


def test_a_login_does_not_show_its_password() -> None:
    for kind in Kind:
        login = Login("alice", "canary", kind)
        assert "canary" not in repr(login)
        assert "canary" not in str(login)
        assert "canary" not in f"{login}"


def test_basic_is_utf_8() -> None:
    header = Login("alice", "pässword").basic()
    assert header.startswith("Basic ")
    assert base64.b64decode(header.removeprefix("Basic ")).decode() == "alice:pässword"


def test_an_endpoint_is_shown_a_password_by_basic_and_a_registry_token_as_it_is() -> None:
    assert Login("alice", "canary").header() == Login("alice", "canary").basic()
    assert Login("", "canary", Kind.REGISTRY_TOKEN).header() == "Bearer canary"
    assert Login("", "canary", Kind.IDENTITY_TOKEN).header() is None


def test_a_pair_is_a_user_with_a_password_or_an_identity_token() -> None:
    assert from_pair("alice", "can ary") == Login("alice", "can ary")
    assert from_pair(IDENTITY, "canary") == Login("", "canary", Kind.IDENTITY_TOKEN)


@pytest.mark.parametrize(
    ("username", "secret"),
    [
        (None, "canary"),
        ("alice", None),
        ("", "canary"),
        ("alice", ""),
        (5, "canary"),
        ("alice", ["canary"]),
        ("ali:ce", "canary"),
        ("ali\nce", "canary"),
        ("alice", "can\r\nary"),
        ("alice", "can\0ary"),
        ("alice", "canary\ud800"),
        ("\ud800", "canary"),
        ("alice", "canary" * 20_000),
        (IDENTITY, "can ary"),
        (IDENTITY, "canäry"),
    ],
)
def test_what_cannot_be_sent_is_no_login(username: object, secret: object) -> None:
    with pytest.raises(ValueError, match=r"^(names|holds) ") as caught:
        from_pair(username, secret)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("secret", [None, 5, "", "can ary", "canary\r\nHost: evil.test", "canäry", "c" * 70_000])
@pytest.mark.parametrize("kind", [Kind.IDENTITY_TOKEN, Kind.REGISTRY_TOKEN])
def test_what_cannot_stand_in_a_header_is_no_token(secret: object, kind: Kind) -> None:
    with pytest.raises(ValueError, match=r"^holds a token that cannot be sent"):
        from_token(secret, kind)
