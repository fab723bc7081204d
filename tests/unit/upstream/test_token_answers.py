"""What a token server's answer says."""

from __future__ import annotations

import json

import pytest

from mirror.upstream.token_answers import parse


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({"token": "a.b-c_d"}, "a.b-c_d"),
        ({"access_token": "abc"}, "abc"),
        ({"token": "one", "access_token": "two"}, "one"),
        ({"token": "", "access_token": "two"}, "two"),
        ({"token": None, "access_token": "two"}, "two"),
    ],
)
def test_a_token_goes_by_either_name(document: object, text: str) -> None:
    assert parse(json.dumps(document).encode(), 0.0).text == text


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        (300, 300.0),
        (299.5, 299.5),
        (1, 10.0),
        (0, 10.0),
        (-300, 10.0),
        (86400, 3600.0),
        (10**30, 3600.0),
        (1e300, 3600.0),
        (None, 60.0),
        (True, 60.0),
        ("300", 60.0),
        ([], 60.0),
    ],
)
def test_a_lifetime_is_kept_within_reason(told: object, seconds: float) -> None:
    assert parse(json.dumps({"token": "t", "expires_in": told}).encode(), 0.0).lifetime == seconds


@pytest.mark.parametrize(
    ("told", "seconds"), [(300, 10), (10, 10), (4.5, 4.5), (0.5, 0.5), (0, 10), (-1, 10), (None, 10)]
)
def test_a_token_is_young_for_ten_seconds_unless_it_expires_before(told: object, seconds: float) -> None:
    token = parse(json.dumps({"token": "t", "expires_in": told}).encode(), 1000.0)
    assert token.young(1000.0 + seconds - 0.1)
    assert not token.young(1000.0 + seconds)


def test_a_token_is_renewed_from_four_fifths_of_its_life_on_and_over_at_its_end() -> None:
    token = parse(b'{"token": "t", "expires_in": 100}', 1000.0)
    assert token.fresh(1079.9)
    assert not token.fresh(1080.0)
    assert token.valid(1099.9)
    assert not token.valid(1100.0)


def test_a_lifetime_that_is_not_told_is_a_minute() -> None:
    token = parse(b'{"token": "t"}', 1000.0)
    assert (token.issued, token.lifetime) == (1000.0, 60.0)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b'"token"',
        b"{}",
        b'{"token": 5}',
        b'{"token": ["a"]}',
        b'{"token": "a b"}',
        b'{"token": "a\\r\\nHost: evil.test"}',
        b'{"token": "\\u00e9"}',
        b'{"token": "\\ud800"}',
        b'{"token": "\xff"}',
        b'{"expires_in": NaN, "token": "t"}',
        b"[" * 60_000,
        b'{"token":' + b'{"a":' * 10_000,
    ],
)
def test_what_holds_no_token_that_could_be_sent_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"^(is|holds) ") as caught:
        parse(body, 0.0)
    assert "evil" not in str(caught.value)


DATE = "Sat, 01 Aug 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("issued_at", "seconds"),
    [
        ("2026-08-01T12:00:00Z", 300),
        ("2026-08-01T11:58:20Z", 200),
        ("2026-08-01T11:58:20.123456789Z", 200.123456),
        ("2026-08-01T13:58:20+02:00", 200),
        ("2026-08-01T11:59:59.5Z", 299.5),
        ("2026-08-01T11:55:01Z", 10),  # never less
        ("2026-08-01T11:55:00Z", 300),
        ("2026-08-01T11:00:00Z", 300),  # no server gives out what is over: its clocks disagree
        ("2026-08-01T12:01:00Z", 300),
        ("2026-08-01T11:58:20", 300),
        ("yesterday", 300),
        ("9999-12-31T23:59:59-23:59", 300),
        (1785585500, 300),
        (None, 300),
    ],
)
def test_a_token_that_was_issued_before_has_less_of_its_life_left(issued_at: object, seconds: float) -> None:
    body = json.dumps({"token": "t", "expires_in": 300, "issued_at": issued_at}).encode()
    assert parse(body, 0.0, DATE).lifetime == pytest.approx(seconds)
    assert parse(body, 0.0).lifetime == 300


@pytest.mark.parametrize("date", ["", "canary", "Sat, 01 Aug 2026 12:00:00 +9999999999", "Sat, 01 Aug 99999 12:00:00"])
def test_a_date_that_cannot_be_read_changes_nothing(date: str) -> None:
    body = b'{"token": "t", "expires_in": 300, "issued_at": "2026-08-01T11:58:20Z"}'
    assert parse(body, 0.0, date).lifetime == 300


@pytest.mark.parametrize(
    ("told", "refresh"), [("next", "next"), (None, None), ("", None), ("a b", None), (5, None), ("a\r\nb", None)]
)
def test_an_identity_token_may_be_exchanged(told: object, refresh: str | None) -> None:
    assert parse(json.dumps({"access_token": "t", "refresh_token": told}).encode(), 0.0).refresh == refresh


def test_a_token_does_not_show_itself() -> None:
    assert "canary" not in repr(parse(b'{"token": "canary", "refresh_token": "canary"}', 0.0))
