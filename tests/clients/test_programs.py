"""Nothing here is skipped for want of a program: one that is missing fails, with the name of its package."""

from __future__ import annotations

import pytest

from tests.support.processes import PACKAGES, ProgramMissing, package_of, program


def test_every_program_that_the_tests_need_is_installed() -> None:
    rows = [line.split() for line in PACKAGES.read_text().splitlines() if not line.startswith("#")]
    assert rows
    for name, package in rows:
        assert program(name).endswith(f"/{name}")
        assert package_of(name) == package


def test_a_missing_program_is_a_failure_that_says_so() -> None:
    with pytest.raises(ProgramMissing, match="no-such-program is not installed"):
        program("no-such-program")
