"""Secrets and control characters do not reach the log."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from mirror.log.redaction import HIDDEN, clean, clean_lines, clean_named, printable, redact


@pytest.mark.parametrize(
    "text",
    [
        "https://alice:canary@registry.example/v2/",
        "https://canary@registry.example/v2/",
        "https://alice:can?ary@registry.example/canary",
        "https://alice:c/anary@registry.example/",
        "GET https://cdn.example/blob?X-Amz-Signature=canary&x=1 failed",
        "https://cdn.example/#canary",
        "see <https://cdn.example/?canary>",
        "Authorization: Bearer canary-canary",
        "{'Authorization': 'Basic Y2FuYXJ5OmNhbmFyeQ=='}",
        "proxy-authorization = Basic canary",
        "Cookie: session=canary; other=canary",
        "sent Bearer canary.canary.canary",
        "sent basic CANARYcanary== to them",
        '{"token": "canary", "access_token":"canary"}',
        "password=canary&user=alice",
        "password: 'canary canary'",
        "client_secret=canary",
        "api-key: canary",
        "X-Amz-Credential=canary",
        "eyJhbGciOiJFUzI1NiJ9canary.eyJhIjoxfQ.canary",
    ],
)
def test_a_secret_is_hidden(text: str) -> None:
    assert HIDDEN in redact(text) or "@" not in redact(text)
    assert "canary" not in redact(text).lower()
    assert "y2fuyxj5" not in redact(text).lower()


@pytest.mark.parametrize(
    "text",
    [
        "docker.io/library/alpine@sha256:0123456789abcdef",
        "https://registry.example:5000/v2/library/alpine/manifests/latest",
        "the upstream wants basic authentication",
        "limits.token_size: 64KiB",
        "the bearer of bad news",
        "tokens are renewed early",
        "10 of 12 blobs, 3.5 MiB",
        "",
    ],
)
def test_plain_words_stay(text: str) -> None:
    assert redact(text) == text


def test_the_path_of_a_url_stays_without_its_query() -> None:
    assert redact("https://u:p@cdn.example/a/b?sig=1#x") == f"https://cdn.example/a/b?{HIDDEN}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ümläut", "plain ümläut"),
        ("two\nlines\r\n", r"two\nlines\r\n"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("right\u202eleft", r"right\u202eleft"),
        ("separated\u2028", r"separated\u2028"),
        ("no UTF-8: \udcff", r"no UTF-8: \udcff"),
    ],
)
def test_what_a_terminal_would_act_on_becomes_an_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_becomes_one_printable_line(text: str) -> None:
    assert printable(redact(text)).isprintable()


class Colour(StrEnum):
    RED = "red"


def test_values_are_cleaned_at_any_depth() -> None:
    assert clean({"a\n": ["x\n", {"password": "canary", "n": 5}], "b": (1.5, None, True)}) == {
        r"a\n": [r"x\n", {"password": HIDDEN, "n": 5}],
        "b": [1.5, None, True],
    }
    assert clean(b"\xff\n") == r"\xff\n"
    assert clean(Path("/srv/cache")) == "/srv/cache"
    assert clean(Colour.RED) == "red"
    assert clean(1 << 70) == str(1 << 70)
    assert "canary" not in str(clean([SecretStr("canary"), OSError("token=canary")]))


@pytest.mark.parametrize(
    "name", ["password", "Authorization", "access_token", "hub-password", "credentials", "api_key"]
)
def test_a_value_with_a_secret_name_is_hidden(name: str) -> None:
    assert clean_named(name, "canary") == HIDDEN
    assert clean_named(name, None) is None
    assert clean_named(name, True) is True


def test_a_value_with_any_other_name_is_shown() -> None:
    assert clean_named("token_size", "64KiB") == "64KiB"


def test_lines_of_a_traceback_cannot_pass_for_lines_of_the_log() -> None:
    text = "Traceback\nOSError: one\x1b[0m\n2026-01-01T00:00:00Z [error] https://u:canary@x"
    assert clean_lines(text).split("\n") == [
        "    Traceback",
        r"    OSError: one\x1b[0m",
        "    2026-01-01T00:00:00Z [error] https://x",
    ]
