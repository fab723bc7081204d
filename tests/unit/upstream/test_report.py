"""What becomes of a request is told once, and without its secrets."""

from __future__ import annotations

from yarl import URL

from mirror.log import tracing
from mirror.upstream.report import Report, Request


def test_who_wants_to_know_is_told_once_that_an_exchange_is_over() -> None:
    told: list[str] = []
    report = Report("fake", Request("tags", "GET", URL("http://r.test/")), lambda _: None, lambda: told.append("made"))
    report.then(lambda: told.append("then"))
    report.end()
    report.end()
    assert told == ["made", "then"]


def test_what_is_asked_ahead_of_a_client_is_told_as_such() -> None:
    told: list[tuple[str | None, bool]] = []

    def asked() -> None:
        request = Request("blob", "GET", URL("http://r.test/"))
        Report("fake", request, lambda exchange: told.append((exchange.request_id, exchange.prefetch))).end()

    with tracing.entered("a-1"):
        asked()
    with tracing.ahead("a-1"):
        asked()
    assert told == [("a-1", False), ("a-1", True)]
