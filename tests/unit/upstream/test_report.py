"""What becomes of a request is told once, and without its secrets."""

from __future__ import annotations

from yarl import URL

from mirror.upstream.report import Report, Request


def test_who_wants_to_know_is_told_once_that_an_exchange_is_over() -> None:
    told: list[str] = []
    report = Report("fake", Request("tags", "GET", URL("http://r.test/")), lambda _: None, lambda: told.append("made"))
    report.then(lambda: told.append("then"))
    report.end()
    report.end()
    assert told == ["made", "then"]
