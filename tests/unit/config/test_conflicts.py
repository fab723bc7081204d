"""Settings that are wrong together."""

from __future__ import annotations

from mirror.config.conflicts import Conflict, Inconsistent


def test_an_inconsistency_says_every_conflict() -> None:
    conflicts = [Conflict(("key",), "is missing", (("key",),)), Conflict(("listen",), "is odd", ())]
    error = Inconsistent(conflicts)
    assert error.conflicts == tuple(conflicts)
    assert str(error) == "is missing; is odd"
