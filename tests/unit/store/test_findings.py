"""A finding is what it says, however it is mended."""

from __future__ import annotations

from mirror.store.findings import Finding, Severity


def test_a_finding_is_a_problem_unless_it_is_said_to_be_none() -> None:
    assert Finding("corrupt", "a", "b").severity is Severity.PROBLEM
    assert Finding("corrupt", "a", "b", mend=print) == Finding("corrupt", "a", "b")
