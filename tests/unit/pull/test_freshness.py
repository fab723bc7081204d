"""Freshness as one decision table: what is known, what the policy says, what the time is."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.pull.freshness import Asking, Known, Policy, Verdict, fresh_until, judge

NOW = 1_800_000_000.0
MINUTE, HOUR, DAY, YEAR = 60.0, 3600.0, 86400.0, 365 * 86400.0

POLICY = Policy(tag_ttl=5 * MINUTE, stale_for=30 * DAY, not_found_ttl=10, immutable_tags=("v[0-9]*", "stable"))
ALWAYS_ASK = Policy(tag_ttl=0, stale_for=30 * DAY, not_found_ttl=10)
RARELY = Policy(tag_ttl=DAY, stale_for=30 * DAY, not_found_ttl=10)
NEVER_STALE = Policy(tag_ttl=5 * MINUTE, stale_for=0, not_found_ttl=10)
NEVER_BOTH = Policy(tag_ttl=0, stale_for=0, not_found_ttl=0)

HONOURS = replace(POLICY, honours_no_cache=True)
SLOW_TO_FORGET = Policy(tag_ttl=5 * MINUTE, stale_for=30 * DAY, not_found_ttl=HOUR)

FRESH, WAIT, SPARE, DUE, OVERDUE, UNKNOWN = Verdict

Row = tuple[str, Policy, Known | None, str, Verdict]
Insisted = tuple[str, Policy, Known | None, str, Asking, Verdict]

NO_CACHE = Asking(no_cache=True)
HALF, ALL = Asking(pressure=0.5), Asking(pressure=1.0)


def ago(checked: float, failed: float | None = None) -> Known:
    """Checked so many seconds ago, and tried in vain so many seconds ago; the future is negative."""
    return Known(NOW - checked, 0.0 if failed is None else NOW - failed)


def gone(checked: float, failed: float) -> Known:
    """Checked so many seconds ago, and found to be deleted so many seconds ago."""
    return Known(NOW - checked, NOW - failed, True)


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
    ("a long ttl, tried in vain just now", RARELY, ago(DAY, 5 * MINUTE - 1), "latest", WAIT),
    ("a long ttl, tried in vain five minutes ago", RARELY, ago(DAY, 5 * MINUTE), "latest", DUE),
    ("a long ttl, said to be gone an hour ago", RARELY, gone(2 * DAY, HOUR), "latest", WAIT),
    # the policy's extremes
    ("ttl 0, checked just now", ALWAYS_ASK, ago(0), "latest", DUE),
    ("ttl 0, tried in vain just now", ALWAYS_ASK, ago(HOUR, 0), "latest", DUE),
    ("ttl 0, beyond the staleness", ALWAYS_ASK, ago(30 * DAY), "latest", OVERDUE),
    ("no staleness, within the ttl", NEVER_STALE, ago(MINUTE), "latest", FRESH),
    ("no staleness, after the ttl", NEVER_STALE, ago(5 * MINUTE), "latest", OVERDUE),
    ("neither ttl nor staleness", NEVER_BOTH, ago(0), "latest", OVERDUE),
    # tags that the upstream no longer has
    ("said to be gone just now", POLICY, gone(HOUR, 0), "latest", WAIT),
    ("said to be gone as long ago as the ttl", POLICY, gone(HOUR, 5 * MINUTE), "latest", DUE),
    ("said to be gone, and absences last longer", SLOW_TO_FORGET, gone(2 * HOUR, HOUR - 1), "latest", WAIT),
    ("said to be gone as long ago as absences last", SLOW_TO_FORGET, gone(2 * HOUR, HOUR), "latest", DUE),
    ("said to be gone, and ttl 0", ALWAYS_ASK, gone(HOUR, 9), "latest", WAIT),
    ("said to be gone, beyond the staleness", POLICY, gone(31 * DAY, 0), "latest", OVERDUE),
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
    ("set back a little after it was tried in vain", POLICY, ago(MINUTE, -50), "latest", WAIT),
    ("set back by an hour after it was tried in vain", POLICY, ago(MINUTE, -HOUR), "latest", DUE),
    ("a clock set forward by an hour", POLICY, ago(HOUR), "latest", DUE),
    ("a clock set forward by a year", POLICY, ago(YEAR), "latest", OVERDUE),
    ("ttl 0 and a clock a little behind", ALWAYS_ASK, ago(-1), "latest", DUE),
    ("ttl 0, and tried in vain by such a clock", ALWAYS_ASK, ago(HOUR, -1), "latest", DUE),
]


ASKED: list[Insisted] = [
    # a client that wants no old answer
    ("no-cache, checked a second ago", HONOURS, ago(1), "latest", NO_CACHE, DUE),
    ("no-cache, checked within that second", HONOURS, ago(0.9), "latest", NO_CACHE, FRESH),
    ("no-cache, tried in vain a second ago", HONOURS, ago(HOUR, 1), "latest", NO_CACHE, DUE),
    ("no-cache, tried in vain within that second", HONOURS, ago(HOUR, 0.9), "latest", NO_CACHE, WAIT),
    ("no-cache, found gone a second ago", HONOURS, gone(HOUR, 1), "latest", NO_CACHE, DUE),
    ("no-cache, of a tag that never moves", HONOURS, ago(HOUR), "v1", NO_CACHE, FRESH),
    ("no-cache, beyond the staleness", HONOURS, ago(31 * DAY), "latest", NO_CACHE, OVERDUE),
    ("no-cache, never heard of", HONOURS, None, "latest", NO_CACHE, UNKNOWN),
    ("no-cache, which is not honoured", POLICY, ago(MINUTE), "latest", NO_CACHE, FRESH),
    ("no-cache, which is not honoured, just tried", POLICY, ago(HOUR, 1), "latest", NO_CACHE, WAIT),
    # pulls that are scarce
    ("half pressed, within the ttl", POLICY, ago(MINUTE), "latest", HALF, FRESH),
    ("half pressed, after the ttl", POLICY, ago(5 * MINUTE), "latest", HALF, SPARE),
    ("half pressed, after hours", POLICY, ago(7 * HOUR), "latest", HALF, SPARE),
    ("half pressed, after a day", POLICY, ago(DAY), "latest", HALF, DUE),
    ("pressed, after a day", POLICY, ago(DAY), "latest", ALL, SPARE),
    ("pressed, at the end of the staleness", POLICY, ago(30 * DAY + 5 * MINUTE - 1), "latest", ALL, SPARE),
    ("pressed, beyond the staleness", POLICY, ago(30 * DAY + 5 * MINUTE), "latest", ALL, OVERDUE),
    ("pressed, and tried just now", POLICY, ago(HOUR, 1), "latest", ALL, WAIT),
    ("pressed, never heard of", POLICY, None, "latest", ALL, UNKNOWN),
    ("pressed, ttl 0", ALWAYS_ASK, ago(0), "latest", ALL, SPARE),
    ("pressed, ttl 0, checked a little later than now", ALWAYS_ASK, ago(-1), "latest", ALL, SPARE),
    ("pressed, without staleness", NEVER_STALE, ago(5 * MINUTE), "latest", ALL, OVERDUE),
    ("pressed, and no-cache", HONOURS, ago(MINUTE), "latest", Asking(1.0, True), SPARE),
    ("pressed, with a clock set back", POLICY, ago(-HOUR), "latest", ALL, DUE),
]


@pytest.mark.parametrize(
    ("policy", "known", "tag", "asking", "verdict"), [row[1:] for row in ASKED], ids=[row[0] for row in ASKED]
)
def test_what_else_has_a_say(policy: Policy, known: Known | None, tag: str, asking: Asking, verdict: Verdict) -> None:
    assert judge(known, policy, tag, NOW, asking) is verdict


@pytest.mark.parametrize("policy", [POLICY, ALWAYS_ASK, NEVER_STALE, NEVER_BOTH])
def test_freshness_stretches_from_the_ttl_to_the_horizon(policy: Policy) -> None:
    assert policy.stretched(0) == policy.tag_ttl
    assert policy.stretched(1) == policy.stretched(2) == pytest.approx(policy.horizon)
    steps = [policy.stretched(number / 10) for number in range(11)]
    assert all(shorter <= longer for shorter, longer in itertools.pairwise(steps))


def test_half_the_pressure_means_hours_not_weeks() -> None:
    assert 6 * HOUR < POLICY.stretched(0.5) < 9 * HOUR


@pytest.mark.parametrize(
    ("policy", "known", "tag", "verdict"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_what_a_request_for_a_tag_means(policy: Policy, known: Known | None, tag: str, verdict: Verdict) -> None:
    assert judge(known, policy, tag, NOW) is verdict


def test_the_table_has_a_row_for_every_verdict() -> None:
    assert {row[-1] for row in [*TABLE, *ASKED]} == set(Verdict)


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
    assert replace(NEVER_STALE, hold=DAY).lifetime("latest") == DAY  # what is held back is known for as long


@pytest.mark.parametrize("policy", [POLICY, ALWAYS_ASK, NEVER_STALE, NEVER_BOTH])
def test_what_the_operator_has_brought_may_be_as_old_as_it_likes_and_is_asked_for_as_ever(policy: Policy) -> None:
    ages = [0.0, policy.tag_ttl / 2, policy.tag_ttl, policy.horizon, 100 * policy.horizon + 1]
    others = [judge(Known(NOW - age), policy, "latest", NOW) for age in ages]
    brought = [judge(Known(NOW - age, lasting=True), policy, "latest", NOW) for age in ages]
    assert brought == [Verdict.DUE if verdict is Verdict.OVERDUE else verdict for verdict in others]


def test_time_alone_never_makes_a_tag_fresh_again() -> None:
    order = [FRESH, DUE, OVERDUE]
    moments = [NOW + step for step in (0, MINUTE, 5 * MINUTE, HOUR, DAY, 30 * DAY, YEAR)]
    verdicts = [order.index(judge(ago(0), POLICY, "latest", moment)) for moment in moments]
    assert all(earlier <= later for earlier, later in itertools.pairwise(verdicts))


seconds = st.floats(0, 2 * YEAR)
policies = st.builds(Policy, tag_ttl=seconds, stale_for=seconds, not_found_ttl=seconds, honours_no_cache=st.booleans())
facts = st.builds(
    lambda checked, failed, deleted: Known(NOW - checked, NOW - failed, deleted), seconds, seconds, st.booleans()
)
askings = st.builds(Asking, st.floats(0, 1), st.booleans())


@given(policy=policies, known=facts, asking=askings)
def test_nobody_is_given_what_is_too_old_and_nobody_is_asked_for_what_is_fresh(
    policy: Policy, known: Known, asking: Asking
) -> None:
    verdict, age = judge(known, policy, "latest", NOW, asking), NOW - known.checked
    assert (verdict is OVERDUE) is (age >= policy.horizon and not age < policy.tag_ttl)
    assert verdict is not FRESH or age < policy.tag_ttl
    assert verdict is not WAIT or NOW - known.failed < max(policy.tag_ttl, policy.not_found_ttl)


@given(policy=policies, known=facts, asking=askings)
def test_scarcity_makes_a_check_cheaper_and_changes_nothing_else(policy: Policy, known: Known, asking: Asking) -> None:
    plenty = judge(known, policy, "latest", NOW, replace(asking, pressure=0.0))
    verdict = judge(known, policy, "latest", NOW, asking)
    assert verdict is plenty or (plenty, verdict) == (DUE, SPARE)


@given(policy=policies, known=facts, asking=askings)
def test_insisting_only_ever_asks_more(policy: Policy, known: Known, asking: Asking) -> None:
    patient = judge(known, policy, "latest", NOW, replace(asking, no_cache=False))
    verdict = judge(known, policy, "latest", NOW, asking)
    assert verdict is patient or (policy.honours_no_cache and asking.no_cache and patient in (FRESH, WAIT))
