"""What was used by a clock that was ahead: brought to the past in its order, and nothing else is touched."""

from __future__ import annotations

import pytest

from mirror.store.set_back import brought_back
from mirror.store.worth import HALF_LIFE
from tests.support.stocked import Stocked, image, named

NOW = 1_700_000_000.0
HOUR, YEAR = 3600.0, 365 * 86400.0


def _uses(stocked: Stocked, *names: str) -> list[float]:
    known = dict(stocked.index.read("SELECT digest, last_use FROM blobs"))
    return [known[named(name)] for name in names]


def _pulls(stocked: Stocked, *repositories: str) -> list[tuple[float, float, float]]:
    query = "SELECT repository, first_pull, last_pull, worth FROM images"
    known = {repository: tuple(times) for repository, *times in stocked.index.read(query)}
    return [known[repository] for repository in repositories]


def test_what_was_used_in_the_past_stays_as_it_is(stocked: Stocked) -> None:
    for name, used in (("a", NOW - YEAR), ("b", NOW), ("c", NOW + 60)):
        stocked.blob(name, used=used)
    stocked.image("app", pulled=NOW - HOUR)
    assert [*brought_back(stocked.index, NOW)] == []
    assert _uses(stocked, "a", "b", "c") == [NOW - YEAR, NOW, NOW + 60]


def test_the_latest_use_is_now_and_those_before_it_are_as_long_before(stocked: Stocked) -> None:
    for name, used in (("old", NOW - YEAR), ("before", NOW + YEAR - HOUR), ("last", NOW + YEAR)):
        stocked.blob(name, used=used)
    assert sum(brought_back(stocked.index, NOW)) == 2
    assert _uses(stocked, "old", "before", "last") == [NOW - YEAR, NOW - HOUR, NOW]
    assert stocked.loose() == {named("old"), named("before"), named("last")}
    assert [*stocked.index.read("SELECT digest, last_use FROM loose ORDER BY last_use")] == [
        (named("old"), NOW - YEAR),
        (named("before"), NOW - HOUR),
        (named("last"), NOW),
    ]
    assert [*brought_back(stocked.index, NOW)] == []


def test_what_is_pinned_is_brought_back_too(stocked: Stocked) -> None:
    stocked.images.pin(stocked.blob("a", used=NOW + YEAR))
    assert sum(brought_back(stocked.index, NOW)) == 1
    assert _uses(stocked, "a") == [NOW]


def test_a_pull_after_the_clock_was_set_back_counts_for_an_image(stocked: Stocked) -> None:
    for number, repository in enumerate(("often", "once", "last")):
        stocked.image(repository, pulled=NOW + YEAR + number)
    stocked.images.note_pulls({image("often"): NOW + YEAR + HALF_LIFE})
    before = _pulls(stocked, "often", "once", "last")
    assert sum(brought_back(stocked.index, NOW)) == 6
    after = _pulls(stocked, "often", "once", "last")
    ahead = YEAR + HALF_LIFE
    for (_, *old), (first, *new) in zip(before, after, strict=True):
        assert new == pytest.approx([moment - ahead for moment in old])
        assert first <= new[0]
    stocked.images.note_pulls({image("once"): NOW + HOUR})
    ((_, last_pull, worth),) = _pulls(stocked, "once")
    assert last_pull == NOW + HOUR
    assert worth >= NOW + HOUR > after[2][2]


def test_thousands_are_changed_in_several_steps(stocked: Stocked) -> None:
    with stocked.index:
        stocked.index.find_blobs((named(str(number)), 1, NOW + YEAR + number / 1000) for number in range(2500))
    assert [*brought_back(stocked.index, NOW)] == [1000, 1000, 500]
    assert max(_uses(stocked, *map(str, range(2500)))) == pytest.approx(NOW)
