"""What decides whether all is well."""

from __future__ import annotations

import pytest

from mirror.doctor.findings import Finding, Level, is_well


@pytest.mark.parametrize(
    ("levels", "well"),
    [
        ([], True),
        ([Level.OK, Level.SKIPPED, Level.WARNING], True),
        ([Level.OK, Level.BAD], False),
    ],
)
def test_only_what_keeps_pulls_from_working_is_bad(levels: list[Level], well: bool) -> None:
    assert is_well(Finding(level, "docker.io", "DNS", "words") for level in levels) is well
