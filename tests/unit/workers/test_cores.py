"""How many processes there are to be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mirror.workers.cores import number_of

ALLOWED = len(os.sched_getaffinity(0))


def test_a_number_is_taken_as_it_is(tmp_path: Path) -> None:
    assert number_of(7, tmp_path) == 7


def test_automatically_there_is_one_for_each_processor_that_may_be_used(tmp_path: Path) -> None:
    assert number_of("auto", tmp_path) == min(ALLOWED, 64)


@pytest.mark.parametrize(
    ("bound", "most"),
    [("max 100000", 64), ("100000 100000", 1), ("50000 100000", 1), ("150000 100000", 2), ("9900000 100000", 64)],
)
def test_a_container_with_fewer_has_fewer(tmp_path: Path, bound: str, most: int) -> None:
    (tmp_path / "cpu.max").write_text(f"{bound}\n")
    assert number_of("auto", tmp_path) == min(ALLOWED, most)


@pytest.mark.parametrize(("quota", "most"), [("-1", 64), ("100000", 1)])
def test_so_it_is_with_the_first_version_of_control_groups(tmp_path: Path, quota: str, most: int) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota)
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000")
    assert number_of("auto", tmp_path) == min(ALLOWED, most)


def test_what_cannot_be_read_bounds_nothing(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("nonsense")
    assert number_of("auto", tmp_path) == min(ALLOWED, 64)
