"""What may be rehearsed."""

from __future__ import annotations

import math

import pytest

from mirror.errors import Code, Refused
from mirror.pull.freshness import FOR_EVER
from mirror.rehearsal.terms import MOST, Terms, terms_of


def test_without_a_word_it_is_a_day_without_what_was_pulled_in_a_month() -> None:
    terms = Terms()
    assert (terms.within, terms.outage, terms.lasting) == (30 * 86400, 86400, 86400)
    assert (terms.patterns, terms.platforms, terms.deep) == ((), (), False)


def test_what_lasts_for_ever_outlasts_every_bound() -> None:
    assert Terms(outage=None).lasting == FOR_EVER


@pytest.mark.parametrize("span", [-1, math.inf, math.nan, FOR_EVER * 2])
def test_a_span_is_one_that_can_be(span: float) -> None:
    for within, outage in ((span, 0.0), (0.0, span)):
        with pytest.raises(Refused) as refused:
            Terms(within, outage)
        assert refused.value.code is Code.BAD_REQUEST


def test_there_are_no_more_patterns_than_anybody_writes() -> None:
    assert Terms(patterns=("a",) * MOST, platforms=("b",) * 64)
    for patterns, platforms in ((MOST + 1, 0), (0, 65)):
        with pytest.raises(Refused):
            Terms(patterns=("a",) * patterns, platforms=("b",) * platforms)


@pytest.mark.parametrize(
    "document",
    [
        {"more": 1},
        {"images": "ubuntu"},
        {"images": [1]},
        {"images": ["a"] * 1001},
        {"within": "30d"},
        {"within": True},
        {"within": -1},
        {"outage": "forever"},
        {"platforms": ["no platform"]},
        {"platforms": ["linux/amd64"] * 65},
        {"deep": 1},
    ],
)
def test_what_is_not_understood_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(Refused) as refused:
        terms_of(document)
    assert refused.value.code is Code.BAD_REQUEST


def test_what_is_sent_are_the_terms() -> None:
    assert terms_of({}) == Terms()
    sent = {"images": ["a"], "within": 60, "outage": None, "platforms": ["arm64"], "deep": True}
    assert terms_of(sent) == Terms(60.0, None, ("a",), ("linux/arm64/v8",), True)
