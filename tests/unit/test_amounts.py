"""Amounts as people say them."""

from __future__ import annotations

import pytest

from mirror.amounts import duration, moment, number, size


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (-1, "0 s"), (0.4, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (30 * 86400, "30 d")],
)
def test_a_duration_is_in_the_largest_unit_of_which_there_are_two(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 * 1024**2, "5.0 MiB"), (1024**3, "1.0 GiB")],
)
def test_a_size_is_in_the_largest_unit_of_which_there_is_one(count: int, words: str) -> None:
    assert size(count) == words


def test_a_moment_is_written_in_utc_if_it_has_a_date() -> None:
    assert moment(1_800_000_000.9) == "2027-01-15T08:00:00+00:00"
    assert moment(1e300) is None
    assert moment(float("nan")) is None


@pytest.mark.parametrize(("count", "words"), [(0, "0 blobs"), (1, "1 blob"), (2, "2 blobs")])
def test_one_is_no_plural(count: int, words: str) -> None:
    assert number(count, "blob") == words
