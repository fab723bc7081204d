from __future__ import annotations

from urllib.parse import parse_qs

from yarl import URL

from mirror.upstream.login import Kind, Login
from mirror.upstream.token_requests import Grant, request

REALM = URL("https://auth.test/token?account=x&scope=evil")
SCOPE = "repository:a/b:pull"
ALICE = Login("alice", "canary")
IDENTITY = Login("", "can/ary+", Kind.IDENTITY_TOKEN)


def test_a_token_is_asked_for_by_get_with_our_scope() -> None:
    asked = request(Grant(None, REALM, "registry.test", SCOPE))
    assert (asked.operation, asked.method, asked.body) == ("token", "GET", None)
    assert asked.url.path == "/token"
    assert dict(asked.url.query) == {"account": "x", "service": "registry.test", "scope": SCOPE}
    assert asked.headers == {"Accept": "application/json"}


def test_a_user_is_shown_by_basic() -> None:
    asked = request(Grant(ALICE, REALM, None, SCOPE))
    assert asked.headers["Authorization"] == ALICE.basic()
    assert dict(asked.url.query) == {"account": "x", "scope": SCOPE}


def test_an_identity_token_is_shown_in_the_body_of_a_post_alone() -> None:
    asked = request(Grant(IDENTITY, REALM, "registry.test", SCOPE))
    assert (asked.operation, asked.method, asked.url) == ("token", "POST", REALM)
    assert asked.headers == {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
    assert asked.body is not None
    assert parse_qs(asked.body.decode(), strict_parsing=True) == {
        "grant_type": ["refresh_token"],
        "client_id": ["mirror"],
        "service": ["registry.test"],
        "scope": [SCOPE],
        "refresh_token": ["can/ary+"],
    }


def test_an_identity_token_that_was_exchanged_takes_the_place_of_the_logins() -> None:
    asked = request(Grant(IDENTITY, REALM, None, SCOPE), "newer")
    assert asked.body is not None
    assert parse_qs(asked.body.decode())["refresh_token"] == ["newer"]


def test_a_request_does_not_show_an_identity_token() -> None:
    assert "can/ary" not in repr(request(Grant(IDENTITY, REALM, None, SCOPE)))
