"""Where a tag moves, what its image was worth goes with it."""

from __future__ import annotations

import pytest

from mirror.store.choice import Demand
from mirror.store.index import TagRow
from mirror.store.succession import point
from tests.support.stocked import UPSTREAM, Stocked, choose, named

DAY = 86400.0

pytestmark = pytest.mark.usefixtures("gathered")


def pulled(stocked: Stocked, build: str, *days: float) -> None:
    """A build of the one repository is pulled on these days."""
    stocked.document(build)
    for day in days:
        stocked.images.note_pulls({(UPSTREAM, "app", named(build)): day * DAY})


def points(stocked: Stocked, tag: str, build: str) -> None:
    point(stocked.index, TagRow(UPSTREAM, "app", tag, named(build), 1.0))


def worth(stocked: Stocked, build: str) -> float:
    query = "SELECT worth FROM images WHERE digest = ?"
    return next(float(found) for (found,) in stocked.index.read(query, (named(build),)))


def test_a_nightly_build_displaces_the_former_one(stocked: Stocked) -> None:
    stocked.image("tried", pulled=9.5 * DAY)
    points(stocked, "nightly", "former")
    pulled(stocked, "former", *range(10))
    points(stocked, "nightly", "next")
    pulled(stocked, "next", 10)
    going = [one.parts[0][0] for one in choose(stocked.index, Demand(1 << 40)).going]
    assert going == [named("former"), named("tried"), named("next")]
    assert worth(stocked, "former") == 9 * DAY


@pytest.mark.parametrize("pulled_first", [True, False])
def test_the_next_one_goes_on_whether_its_pull_or_its_tag_is_noted_first(stocked: Stocked, pulled_first: bool) -> None:
    points(stocked, "v1", "former")
    pulled(stocked, "former", 0, 1, 2)
    before = worth(stocked, "former")
    if pulled_first:
        pulled(stocked, "next", 3)
        points(stocked, "v1", "next")
    else:
        points(stocked, "v1", "next")
        pulled(stocked, "next", 3)
    assert worth(stocked, "next") >= before > worth(stocked, "former")


def test_what_another_tag_points_to_keeps_what_it_is_worth(stocked: Stocked) -> None:
    for tag in ("v1", "latest"):
        points(stocked, tag, "former")
    pulled(stocked, "former", 0, 1, 2)
    before = worth(stocked, "former")
    points(stocked, "latest", "next")
    pulled(stocked, "next", 3)
    assert worth(stocked, "former") == before
    assert worth(stocked, "next") > before


def test_a_tag_that_is_rolled_back_brings_it_back(stocked: Stocked) -> None:
    points(stocked, "v1", "former")
    pulled(stocked, "former", 0, 1, 2)
    before = worth(stocked, "former")
    points(stocked, "v1", "next")
    points(stocked, "v1", "former")
    assert worth(stocked, "former") == before


def test_a_tag_that_stays_or_is_new_changes_nothing(stocked: Stocked) -> None:
    pulled(stocked, "former", 0, 1, 2)
    before = worth(stocked, "former")
    points(stocked, "v1", "former")
    points(stocked, "v1", "former")
    points(stocked, "v2", "next")
    assert worth(stocked, "former") == before
    assert [*stocked.index.read("SELECT digest FROM images")] == [(named("former"),)]
    assert [row.tag for row in stocked.index.tags()] == ["v1", "v2"]
