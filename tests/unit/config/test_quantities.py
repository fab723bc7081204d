"""Sizes, durations and shares as operators write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.config.quantities import Share, parse_duration, parse_pulls, parse_rate, parse_share, parse_size


def test_a_size_is_one_that_the_system_can_count() -> None:
    assert parse_size("4000000TiB") == 4_000_000 * 1024**4
    for written in ("9000000TiB", "999999999999999999TB"):
        with pytest.raises(ValueError, match="larger than any file"):
            parse_size(written)


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("0", 0),
        (4096, 4096),
        ("512B", 512),
        ("1kB", 1000),
        ("1KiB", 1024),
        ("4MiB", 4 * 1024**2),
        ("1.5 GiB", 3 * 1024**3 // 2),
        (" 50GB ", 50 * 1000**3),
        ("2tib", 2 * 1024**4),
    ],
)
def test_a_size_is_a_number_with_a_unit_of_bytes(written: object, size: int) -> None:
    assert parse_size(written) == size


@pytest.mark.parametrize(
    "written", ["", "GiB", "-1", "1e3", "5m", "1 XB", "1,5GiB", True, None, [1], float("nan"), "٣"]
)
def test_what_is_no_size_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="not a size"):
        parse_size(written)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("0s", 0), (30, 30), ("500ms", 0.5), ("5m", 300), ("1.5h", 5400), ("30d", 2592000), ("2w", 1209600), (0.25, 0.25)],
)
def test_a_duration_is_a_number_with_a_unit_of_time(written: object, seconds: float) -> None:
    assert parse_duration(written) == pytest.approx(seconds)


@pytest.mark.parametrize("written", ["", "s", "-5s", "5M", "PT5M", "1:30", "5 years", True, None, float("inf")])
def test_what_is_no_duration_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(written)


def test_a_percentage_depends_on_the_file_system_and_a_size_does_not() -> None:
    assert parse_share("5 %").of(1000) == 50
    assert parse_share("12.5%").of(1000) == 125
    assert parse_share("1KiB").of(10) == 1024


def test_a_percentage_goes_from_none_to_all() -> None:
    assert parse_share("0%").of(1000) == 0
    assert parse_share("100%").of(1000) == 1000
    with pytest.raises(ValueError, match="from 0% to 100%"):
        parse_share("100.1%")


@pytest.mark.parametrize("written", ["%", "-1%", "80 percent", "80%%", None])
def test_what_is_neither_size_nor_percentage_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="not a size"):
        parse_share(written)


def test_a_share_reads_what_it_writes() -> None:
    assert str(Share(size=50 * 1024**3)) == "50GiB"
    for share in (Share(percent=12.5), Share(size=4097), Share(percent=80.0), Share(size=3 * 1024**2), Share(size=0)):
        assert parse_share(str(share)) == share
        assert parse_share(share) is share


@given(st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.booleans()))
def test_anything_is_a_quantity_or_a_value_error(written: object) -> None:
    for parse in (parse_size, parse_duration, parse_share, parse_pulls, parse_rate):
        try:
            value = parse(written)
        except ValueError:
            continue
        assert isinstance(value, Share) or value >= 0


@pytest.mark.parametrize(
    ("written", "rate"),
    [("10/s", 10), ("300/m", 5), ("3600 / h", 1), (2, 2), (0.5, 0.5), ("1.5/s", 1.5), ("10", 10), (" 0.5", 0.5)],
)
def test_a_rate_is_a_number_in_a_unit_of_time(written: object, rate: float) -> None:
    assert parse_rate(written) == pytest.approx(rate)


@pytest.mark.parametrize(
    "written", ["", "10/", "10/d", "0/s", "0", 0, -1, True, None, "fast", float("nan"), float("inf")]
)
def test_what_is_no_rate_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="not a rate"):
        parse_rate(written)


def test_a_reserve_is_a_number_of_pulls_or_a_percentage_of_a_limit() -> None:
    assert parse_pulls("10%").of(200) == 20
    assert parse_pulls(20).of(200) == parse_pulls("20").of(100) == 20
    assert parse_pulls(Share(size=3)) == Share(size=3)


@pytest.mark.parametrize("written", ["", "20GiB", "-1", "1.5", True, None, "1e3", "\u0663", "9999999999"])
def test_what_is_no_number_of_pulls_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="not a number of pulls"):
        parse_pulls(written)
