"""Freshness as one decision table: what is known, what the policy says, what the time is."""

from __future__ import annotations

import itertools

import pytest

from mirror.pull.freshness import Known, Policy, Verdict, fresh_until, judge

NOW = 1_800_000_000.0
MINUTE, HOUR, DAY, YEAR = 60.0, 3600.0, 86400.0, 365 * 86400.0

POLICY = Policy(tag_ttl=5 * MINUTE, stale_for=30 * DAY, not_found_ttl=10, immutable_tags=("v[0-9]*", "stable"))
ALWAYS_ASK = Policy(tag_ttl=0, stale_for=30 * DAY, not_found_ttl=10)
NEVER_STALE = Policy(tag_ttl=5 * MINUTE, stale_for=0, not_found_ttl=10)
NEVER_BOTH = Policy(tag_ttl=0, stale_for=0, not_found_ttl=0)

FRESH, WAIT, DUE, OVERDUE, UNKNOWN = Verdict

Row = tuple[str, Policy, Known | None, str, Verdict]


def ago(checked: float, failed: float | None = None) -> Known:
    """Checked so many seconds ago, and tried in vain so many seconds ago; the future is negative."""
    return Known(NOW - checked, 0.0 if failed is None else NOW - failed)


TABLE: list[Row] = [
    ("never heard of", POLICY, None, "latest", UNKNOWN),
    ("checked just now", POLICY, ago(0), "latest", FRESH),
    ("checked within the ttl", POLICY, ago(5 * MINUTE - 1), "latest", FRESH),
    ("checked as long ago as the ttl", POLICY, ago(5 * MINUTE), "latest", DUE),
    ("checked a day ago", POLICY, ago(DAY), "latest", DUE),
    ("at the end of the staleness", POLICY, ago(30 * DAY + 5 * MINUTE - 1), "latest", DUE),
    ("beyond the staleness", POLICY, ago(30 * DAY + 5 * MINUTE), "latest", OVERDUE),
    ("beyond the staleness, and just tried", POLICY, ago(31 * DAY, 1), "latest", OVERDUE),
    ("tried in vain just now", POLICY, ago(HOUR, 0), "latest", WAIT),
    ("tried in vain within the ttl", POLICY, ago(HOUR, 5 * MINUTE - 1), "latest", WAIT),
    ("tried in vain as long ago as the ttl", POLICY, ago(HOUR, 5 * MINUTE), "latest", DUE),
    # the policy's extremes
    ("ttl 0, checked just now", ALWAYS_ASK, ago(0), "latest", DUE),
    ("ttl 0, tried in vain just now", ALWAYS_ASK, ago(HOUR, 0), "latest", DUE),
    ("ttl 0, beyond the staleness", ALWAYS_ASK, ago(30 * DAY), "latest", OVERDUE),
    ("no staleness, within the ttl", NEVER_STALE, ago(MINUTE), "latest", FRESH),
    ("no staleness, after the ttl", NEVER_STALE, ago(5 * MINUTE), "latest", OVERDUE),
    ("neither ttl nor staleness", NEVER_BOTH, ago(0), "latest", OVERDUE),
    # tags that never move
    ("immutable, checked a year ago", POLICY, ago(YEAR), "v1.2", FRESH),
    ("immutable, tried in vain", POLICY, ago(YEAR, 1), "stable", FRESH),
    ("immutable, with a clock set back", POLICY, ago(-YEAR), "v1.2", FRESH),
    ("immutable, but never heard of", POLICY, None, "v1.2", UNKNOWN),
    ("a pattern is of the whole tag", POLICY, ago(HOUR), "unstable", DUE),
    ("a pattern minds the case", POLICY, ago(HOUR), "Stable", DUE),
    # clocks that jump
    ("a clock a little behind", POLICY, ago(-59), "latest", FRESH),
    ("a clock set back by an hour", POLICY, ago(-HOUR), "latest", DUE),
    ("a clock set back by a year", POLICY, ago(-YEAR), "latest", DUE),
    ("set back, and tried just now", POLICY, ago(-HOUR, 1), "latest", WAIT),
    ("set back after it was tried in vain", POLICY, ago(HOUR, -HOUR), "latest", DUE),
    ("a clock set forward by an hour", POLICY, ago(HOUR), "latest", DUE),
    ("a clock set forward by a year", POLICY, ago(YEAR), "latest", OVERDUE),
    ("ttl 0 and a clock a little behind", ALWAYS_ASK, ago(-1), "latest", DUE),
    ("ttl 0, and tried in vain by such a clock", ALWAYS_ASK, ago(HOUR, -1), "latest", DUE),
]


@pytest.mark.parametrize(
    ("policy", "known", "tag", "verdict"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_what_a_request_for_a_tag_means(policy: Policy, known: Known | None, tag: str, verdict: Verdict) -> None:
    assert judge(known, policy, tag, NOW) is verdict


def test_the_table_has_a_row_for_every_verdict() -> None:
    assert {row[-1] for row in TABLE} == set(Verdict)


@pytest.mark.parametrize("policy", [POLICY, NEVER_STALE])
def test_an_answer_is_fresh_exactly_until_it_says(policy: Policy) -> None:
    known = ago(MINUTE)
    until = fresh_until(known, policy, "latest")
    assert until == NOW + 4 * MINUTE
    assert judge(known, policy, "latest", until - 0.001) is FRESH
    assert judge(known, policy, "latest", until) is not FRESH


def test_an_immutable_tag_is_fresh_for_ever_and_remembered_as_long() -> None:
    assert fresh_until(ago(0), POLICY, "v1") is None
    assert POLICY.lifetime("v1") >= 100 * 365 * DAY
    assert POLICY.lifetime("latest") == POLICY.horizon == 30 * DAY + 5 * MINUTE


def test_time_alone_never_makes_a_tag_fresh_again() -> None:
    order = [FRESH, DUE, OVERDUE]
    moments = [NOW + step for step in (0, MINUTE, 5 * MINUTE, HOUR, DAY, 30 * DAY, YEAR)]
    verdicts = [order.index(judge(ago(0), POLICY, "latest", moment)) for moment in moments]
    assert all(earlier <= later for earlier, later in itertools.pairwise(verdicts))
