"""Which former digest is meant."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mirror.errors import Code, Refused
from mirror.pull import former
from mirror.store.journal import Move


def move(old: str | None, new: str | None, seen: float) -> Move:
    return Move("u", "r", "t", old, new, seen, "")


HISTORY = [move(None, "c", 50.0), move("b", None, 40.0), move("a", "b", 30.0), move("0", "a", 20.0)]


def test_every_digest_is_one_of_its_former_ones_and_no_other() -> None:
    assert former.digests_of(HISTORY) == ["c", "b", "a", "0"]
    assert former.digests_of([]) == []
    assert former.named(HISTORY, "0") == "0"
    with pytest.raises(Refused, match="pin-tag"):
        former.named(HISTORY, "x")


@pytest.mark.parametrize(("when", "digest"), [(60.0, "c"), (40.0, "b"), (25.0, "a")])
def test_a_moment_means_what_the_tag_pointed_to_before_it(when: float, digest: str) -> None:
    assert former.at(HISTORY, when) == digest


def test_when_its_registry_did_not_have_it_there_is_nothing_to_go_back_to() -> None:
    with pytest.raises(Refused, match="did not have the tag then, so name a digest with `--to`"):
        former.at(HISTORY, 50.0)


@pytest.mark.parametrize("when", [20.0, 1.0])
def test_before_the_journal_begins_nothing_is_known_and_it_is_said_when_that_is(when: float) -> None:
    with pytest.raises(Refused) as refusal:
        former.at(HISTORY, when)
    assert refusal.value.code is Code.MANIFEST_UNKNOWN
    assert "begins at 1970-01-01T00:00:20+00:00" in str(refusal.value)
    assert "name a digest with `--to`" in str(refusal.value)
    with pytest.raises(Refused, match="no move of this tag"):
        former.at([], when)


def test_the_one_before_is_the_last_other_one() -> None:
    assert former.before(HISTORY, "c") == "b"
    assert former.before(HISTORY, "b") == "a"  # once rolled back, it goes on backwards
    assert former.before(HISTORY, "elsewhere") == "c"
    again = [move("b", "a", 3.0), move("a", "b", 2.0), move(None, "a", 1.0)]
    assert former.before(again, "a") == "b"


@pytest.mark.parametrize("choose", [lambda: former.before(HISTORY, "0"), lambda: former.before([], None)])
def test_there_may_be_none_before(choose: Callable[[], str]) -> None:
    with pytest.raises(Refused, match="no digest is known"):
        choose()
