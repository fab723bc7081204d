"""What operators write of bandwidth, and what it means at a moment."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.config.bandwidth import Window, parse_window, rate_at, shared
from mirror.config.settings import Settings

MB = 1_000_000
# 2 March 2026 was a Monday.
MONDAY, TUESDAY, SATURDAY, SUNDAY = 2, 3, 7, 8


def at(day: int, clock: str) -> datetime:
    hour, minute = map(int, clock.split(":"))
    return datetime(2026, 3, day, hour, minute, 59)  # local time is what is meant


@pytest.mark.parametrize(
    ("written", "rate"),
    [
        ("20MB/s", 20 * MB),
        ("20MB", 20 * MB),
        ("20 MiB / s", 20 * 1024**2),
        ("160Mbit/s", 20 * MB),
        ("1.5Gbit/s", 187.5 * MB),
        (20_000_000, 20 * MB),
        ("unlimited", None),
        ("16KiB/s", 16384),
    ],
)
def test_a_rate_alone_applies_at_all_times(written: object, rate: float | None) -> None:
    window = parse_window(written)
    assert window.rate == rate
    assert all(window.applies(at(day, clock)) for day in range(MONDAY, SUNDAY + 1) for clock in ("00:00", "23:59"))


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("fast", "not a rate such as"),
        ("20MB/h", "not a rate such as"),
        ("", "not a rate such as"),
        (True, "not a rate such as"),
        (None, "not a rate such as"),
        (["20MB/s"], "not a rate such as"),
        ("20Mb/s", "not clear"),
        ("20 kb", "not clear"),
        ("0", "less than any pull"),
        ("100kbit/s", "less than any pull"),
        ({}, "has no rate"),
        ({"rate": None}, "has no rate"),
        ({"rate": "slow"}, "not a rate such as"),
        ({"rate": "1MB/s", "until": "18:00"}, "beside rate, from, to and days"),
        ({"rate": "1MB/s", "from": "08:00"}, "without the other"),
        ({"rate": "1MB/s", "to": "08:00"}, "without the other"),
        ({"rate": "1MB/s", "from": "08:00", "to": "08:00"}, "nothing between"),
        ({"rate": "1MB/s", "from": "24:00", "to": "08:00"}, "nothing between"),
        ({"rate": "1MB/s", "from": "8", "to": "18:00"}, "times of the day"),
        ({"rate": "1MB/s", "from": "08:60", "to": "18:00"}, "times of the day"),
        ({"rate": "1MB/s", "from": "08:00", "to": "24:01"}, "times of the day"),
        ({"rate": "1MB/s", "from": 480, "to": "18:00"}, "times of the day"),
        ({"rate": "1MB/s", "days": "someday"}, "days are mon"),
        ({"rate": "1MB/s", "days": ["mon", "fr"]}, "days are mon"),
        ({"rate": "1MB/s", "days": ["mon-"]}, ""),
        ({"rate": "1MB/s", "days": []}, "leaves none"),
    ],
)
def test_what_is_wrong_is_said_without_repeating_it(written: object, problem: str) -> None:
    if not problem:
        assert parse_window(written).days == {0}
        return
    with pytest.raises(ValueError, match=problem) as refusal:
        parse_window(written)
    assert "someday" not in str(refusal.value)


@pytest.mark.parametrize(
    ("window", "day", "clock", "applies"),
    [
        ({"from": "08:00", "to": "18:00"}, MONDAY, "07:59", False),
        ({"from": "08:00", "to": "18:00"}, MONDAY, "08:00", True),
        ({"from": "08:00", "to": "18:00"}, MONDAY, "17:59", True),
        ({"from": "08:00", "to": "18:00"}, MONDAY, "18:00", False),
        ({"from": "08:00", "to": "24:00"}, MONDAY, "23:59", True),
        ({"from": "22:00", "to": "6:00"}, MONDAY, "23:00", True),
        ({"from": "22:00", "to": "6:00"}, MONDAY, "05:59", True),
        ({"from": "22:00", "to": "6:00"}, MONDAY, "06:00", False),
        ({"from": "22:00", "to": "6:00"}, MONDAY, "12:00", False),
        ({"from": "22:00", "to": "00:00"}, MONDAY, "23:59", True),
        ({"from": "22:00", "to": "00:00"}, MONDAY, "00:00", False),
        # A night belongs to the day that it begins on.
        ({"from": "22:00", "to": "06:00", "days": "mon"}, MONDAY, "02:00", False),
        ({"from": "22:00", "to": "06:00", "days": "mon"}, MONDAY, "23:00", True),
        ({"from": "22:00", "to": "06:00", "days": "mon"}, TUESDAY, "02:00", True),
        ({"from": "22:00", "to": "06:00", "days": "mon"}, TUESDAY, "23:00", False),
        ({"from": "22:00", "to": "06:00", "days": "sunday"}, MONDAY, "02:00", True),
        ({"days": ["mon", "fri"]}, MONDAY, "12:00", True),
        ({"days": ["mon", "fri"]}, TUESDAY, "12:00", False),
        ({"days": "mon-fri"}, TUESDAY, "12:00", True),
        ({"days": ["Mon-Fri"]}, SATURDAY, "12:00", False),
        ({"days": "sat-mon"}, SUNDAY, "12:00", True),
        ({"days": "sat-mon"}, TUESDAY, "12:00", False),
    ],
)
def test_a_window_applies_within_its_times_and_days(
    window: dict[str, object], day: int, clock: str, applies: bool
) -> None:
    assert parse_window({"rate": "1MB/s", **window}).applies(at(day, clock)) is applies


def test_the_first_that_applies_counts_and_none_is_no_limit() -> None:
    windows = (
        parse_window({"rate": "1MB/s", "from": "08:00", "to": "18:00", "days": "mon-fri"}),
        parse_window({"rate": "unlimited", "from": "02:00", "to": "04:00"}),
        parse_window({"rate": "5MB/s", "days": "mon-fri"}),
    )
    assert rate_at(windows, at(MONDAY, "09:00")) == MB
    assert rate_at(windows, at(MONDAY, "03:00")) is None
    assert rate_at(windows, at(MONDAY, "20:00")) == 5 * MB
    assert rate_at(windows, at(SATURDAY, "20:00")) is None
    assert rate_at((), at(MONDAY, "09:00")) is None


@given(st.integers(0, 1439), st.integers(0, 1439), st.integers(0, 6))
def test_a_window_and_the_rest_of_its_day_are_the_whole_week(begin: int, end: int, day: int) -> None:
    if begin == end:
        return
    window, rest = Window(1.0, begin, end), Window(1.0, end, begin)
    for minute in {0, begin, (begin - 1) % 1440, end, (end - 1) % 1440, 1439}:
        moment = at(MONDAY + day % 6, f"{minute // 60}:{minute % 60}")
        assert window.applies(moment) != rest.applies(moment)


def test_workers_divide_a_rate_and_nothing_else() -> None:
    windows = (parse_window({"rate": "4MB/s", "from": "08:00", "to": "18:00"}), parse_window("unlimited"))
    first, second = shared(windows, 4)
    assert (first.rate, first.begin, first.end, first.days) == (MB, 480, 1080, windows[0].days)
    assert second == windows[1]


def test_every_place_takes_a_rate_a_window_or_a_list_of_both() -> None:
    night = {"rate": "1MB/s", "from": "22:00", "to": "06:00"}
    settings = Settings.model_validate(
        {
            "upstreams": {"docker.io": {"download": [night, "2MB/s"]}},
            "limits": {"download": "3MB/s", "upload": night, "upload_per_client": []},
        }
    )
    assert [window.rate for window in settings.upstreams["docker.io"].download] == [MB, 2 * MB]
    assert settings.limits.download == (Window(3 * MB),)
    assert settings.limits.upload == (Window(MB, 1320, 360),)
    assert settings.limits.upload_per_client == ()
