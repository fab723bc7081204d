from __future__ import annotations

import json

import pytest

from mirror.upstream.credential_helper import argv, from_command, from_helper, knows_no_login
from mirror.upstream.login import Kind, Login
from mirror.upstream.programs import Ended

ALICE = Login("alice", "canary")


def _printed(username: object, secret: object) -> bytes:
    return json.dumps({"ServerURL": "x", "Username": username, "Secret": secret}).encode() + b"\n"


def test_a_helper_is_asked_as_docker_asks_it() -> None:
    assert argv("ecr-login") == ("docker-credential-ecr-login", "get")


def test_a_helper_prints_a_login() -> None:
    assert from_helper(Ended(0, _printed("alice", "canary"))) == ALICE
    assert from_helper(Ended(0, _printed("<token>", "canary"))) == Login("", "canary", Kind.IDENTITY_TOKEN)


@pytest.mark.parametrize("words", [b"credentials not found in native keychain\n", b"Error: Credentials not found\n"])
def test_a_helper_says_that_it_has_none(words: bytes) -> None:
    assert knows_no_login(Ended(1, words))
    assert not knows_no_login(Ended(0, words))
    assert not knows_no_login(Ended(1, b"cannot connect to the keychain"))


def test_a_command_prints_a_login_or_a_password() -> None:
    assert from_command(Ended(0, _printed("alice", "canary")), None) == ALICE
    assert from_command(Ended(0, _printed("alice", "canary")), "bob") == ALICE
    assert from_command(Ended(0, b"canary\n"), "alice") == ALICE
    assert from_command(Ended(0, b" canary \r\n"), "alice") == Login("alice", " canary ")
    assert from_command(Ended(0, b"canary"), "<token>") == Login("", "canary", Kind.IDENTITY_TOKEN)


@pytest.mark.parametrize(
    ("ended", "why"),
    [
        (Ended(1, b"canary"), "ended with 1: run it by hand to see why"),
        (Ended(-9, b"canary"), "was ended by signal 9"),
        (Ended(0, b""), "not JSON"),
        (Ended(0, b"canary"), "not JSON"),
        (Ended(0, b'["canary"]'), "no JSON object"),
        (Ended(0, b"{}"), "names no user"),
        (Ended(0, _printed("", "canary")), "names no user"),
        (Ended(0, _printed("alice", "")), "names no user"),
        (Ended(0, _printed("alice", ["canary"])), "names no user"),
        (Ended(0, _printed("alice", "canary\r\nx")), "cannot be sent"),
        (Ended(0, b"\xffcanary"), "not JSON"),
    ],
)
def test_what_is_no_login_of_a_helper_is_refused_without_its_words(ended: Ended, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        from_helper(ended)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("output", "username", "why"),
    [
        (b"", "alice", "neither a login in JSON nor one line"),
        (b"\n\n", "alice", "neither a login in JSON nor one line"),
        (b"canary\ncanary\n", "alice", "neither a login in JSON nor one line"),
        (b"canary", None, "there is no `username` to go with it"),
        (b"\xffcanary", "alice", "not text"),
        (b"{canary", "alice", "not JSON"),
        (b"can\0ary", "alice", "cannot be sent"),
    ],
)
def test_what_is_no_login_of_a_command_is_refused_without_its_words(
    output: bytes, username: str | None, why: str
) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        from_command(Ended(0, output), username)
    assert "canary" not in str(caught.value)
