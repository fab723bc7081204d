from __future__ import annotations

import pytest

from mirror.upstream import budget
from mirror.upstream.budget import Budget

HUB = {
    "ratelimit-limit": "100;w=21600",
    "ratelimit-remaining": "76;w=21600",
    "docker-ratelimit-source": "192.0.2.7",
}


def _read(**changed: str | None) -> Budget | None:
    headers = HUB | {name.replace("_", "-"): value for name, value in changed.items()}
    return budget.read(headers.get, 1000.0)


def test_docker_hubs_headers_are_read() -> None:
    assert _read() == Budget(100, 76, 21600, "192.0.2.7", 1000.0)


@pytest.mark.parametrize(
    ("limit", "remaining", "window"),
    [
        ("100;w=60", "76;w=90", 60),
        ("100", "76;w=90", 90),
        ("100", "76", 3600),
        (" 100 ; w=60 ", "76", 60),
        ("100;w=0", "76;w=0", 3600),
    ],
)
def test_the_window_is_what_is_told_of_it(limit: str, remaining: str, window: int) -> None:
    assert _read(ratelimit_limit=limit, ratelimit_remaining=remaining) == Budget(100, 76, window, "192.0.2.7", 1000.0)


def test_nothing_left_is_a_budget_too() -> None:
    told = _read(ratelimit_remaining="0;w=21600")
    assert told is not None
    assert told.remaining == 0


@pytest.mark.parametrize("header", ["ratelimit_limit", "ratelimit_remaining"])
@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "many",
        "-1",
        "1e3",
        "100;w=",
        "100;w=-5",
        "100;x=5",
        "100, 100;w=60",
        "9" * 20,
        "100;w=" + "9" * 20,
        "\u0661",
    ],
)
def test_what_makes_no_sense_is_ignored(header: str, value: str | None) -> None:
    assert _read(**{header: value}) is None


@pytest.mark.parametrize(("limit", "remaining"), [("0", "0"), ("100;w=60", "101;w=60")])
def test_numbers_that_contradict_each_other_are_ignored(limit: str, remaining: str) -> None:
    assert _read(ratelimit_limit=limit, ratelimit_remaining=remaining) is None


@pytest.mark.parametrize("source", [None, "", "a b", "<script>", "x" * 65])
def test_a_source_that_is_neither_address_nor_account_is_left_out(source: str | None) -> None:
    assert _read(docker_ratelimit_source=source) == Budget(100, 76, 21600, None, 1000.0)


@pytest.mark.parametrize("source", ["192.0.2.7", "2001:db8::1", "0c28b9bb-7a0f-4f8c-9d4e-0d8c1a2b3c4d"])
def test_an_address_or_an_account_is_kept(source: str) -> None:
    assert _read(docker_ratelimit_source=source) == Budget(100, 76, 21600, source, 1000.0)


def test_after_its_window_a_budget_says_nothing_any_more() -> None:
    told = Budget(100, 0, 60, None, 1000.0)
    assert told.known(1059.9)
    assert not told.known(1060.0)
