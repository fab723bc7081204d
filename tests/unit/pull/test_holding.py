"""A cool-down: what is given while a new digest has not been known for long enough."""

from __future__ import annotations

import pytest

from mirror.pull.holding import held_until, succeeding
from mirror.store.catalog import TagRecord

HOUR, DAY = 3600.0, 86400.0


def seen(known: TagRecord | None, digest: str, when: float) -> TagRecord:
    return succeeding(known, TagRecord(digest, when), DAY)


def given(record: TagRecord, when: float, hold: float = DAY) -> str:
    return record.digest if held_until(record, hold, when) is None else record.former


def test_what_is_seen_first_is_given_at_once() -> None:
    assert given(seen(None, "a", 0.0), 0.0) == "a"


def test_a_new_digest_is_given_once_it_has_been_known_for_long_enough() -> None:
    record = seen(seen(None, "a", 0.0), "b", HOUR)
    assert [given(record, when) for when in (HOUR, DAY, HOUR + DAY - 1, HOUR + DAY)] == ["a", "a", "a", "b"]
    assert held_until(record, DAY, 2 * HOUR) == HOUR + DAY


def test_to_be_seen_again_does_not_begin_the_time_anew() -> None:
    record = seen(seen(seen(None, "a", 0.0), "b", HOUR), "b", 20 * HOUR)
    assert (given(record, HOUR + DAY - 1), given(record, HOUR + DAY)) == ("a", "b")


def test_a_digest_that_is_taken_back_is_never_given() -> None:
    record = seen(seen(seen(None, "a", 0.0), "bad", HOUR), "a", 2 * HOUR)
    assert {given(record, when) for when in (2 * HOUR, DAY, 2 * DAY)} == {"a"}
    record = seen(seen(seen(None, "a", 0.0), "bad", HOUR), "good", 2 * HOUR)
    assert [given(record, when) for when in (HOUR + DAY, 2 * HOUR + DAY)] == ["a", "good"]


def test_a_tag_that_moves_again_after_its_time_goes_on_from_there() -> None:
    record = seen(seen(seen(None, "a", 0.0), "b", HOUR), "c", 2 * DAY)
    assert [given(record, when) for when in (2 * DAY, 3 * DAY)] == ["b", "c"]


def test_nothing_is_held_where_nothing_is_to_be() -> None:
    record = succeeding(TagRecord("a", 0.0), TagRecord("b", HOUR), 0.0)
    assert given(record, HOUR, hold=DAY) == "b"  # also once the operator has changed his mind
    held = seen(TagRecord("a", 0.0), "b", HOUR)
    assert given(held, HOUR, hold=0.0) == "b"


@pytest.mark.parametrize(("back", "expected"), [(59.0, "a"), (HOUR, "b")])
def test_a_clock_that_was_set_back_holds_nothing_for_ever(back: float, expected: str) -> None:
    record = seen(seen(None, "a", 0.0), "b", 10 * DAY)
    assert given(record, 10 * DAY - back) == expected


def test_what_else_was_noted_stays() -> None:
    record = succeeding(TagRecord("a", 0.0), TagRecord("b", 5.0, 6.0, "throttled"), DAY)
    assert (record.checked, record.failed, record.trouble) == (5.0, 6.0, "throttled")
