"""A job says what it is, and how it has ended."""

from __future__ import annotations

from mirror.jobs.job import Job, State
from tests.support.orders import order


def test_its_board_begins_with_what_it_is_and_ends_with_what_became_of_it() -> None:
    job = Job("1", order(), "docker.io/library/app:v1", urgent=True, began=1.0)
    job.begin()
    (line,) = job.board.since(0)
    assert line.line == {"event": "job", "id": "1", "image": "docker.io/library/app:v1", "state": "running"}
    job.end(State.FAILED, error="no")
    (line,) = job.board.since(0)
    assert (line.line["event"], line.line["state"], line.line["error"]) == ("end", "failed", "no")
    assert (job.state, job.board.closed) == (State.FAILED, True)
