"""Questions about what was chosen: whether it may still go, what is too large, what could be had again."""

from __future__ import annotations

import pytest

from mirror.store.choice import LARGE, Demand, Going, Why, is_out_of_reach, larger_than, still_going
from mirror.store.index import Member
from tests.support.stocked import TYPE, UPSTREAM, Stocked, choose, image, named

EVERYTHING = Demand(1 << 40)
AWAY = frozenset({"away.example"})

pytestmark = pytest.mark.usefixtures("gathered")


def test_what_was_chosen_goes_while_nothing_has_changed(stocked: Stocked) -> None:
    stocked.blob("loose")
    stocked.image("app", "base", "own", pulled=1.0)
    stocked.image("next", "base", pulled=2.0)
    going = choose(stocked.index, EVERYTHING).going
    assert still_going(stocked.index, going) == [*going]


def test_an_image_that_was_pulled_since_stays_whenever_the_others_were(stocked: Stocked) -> None:
    name = stocked.image("app", pulled=1.0)
    stocked.image("later", pulled=1000.0)
    going = choose(stocked.index, EVERYTHING).going
    stocked.images.note_pulls({name: 2.0})
    assert [one.image for one in still_going(stocked.index, going)] == [image("later")]


def test_of_a_manifest_that_two_repositories_have_a_pull_of_either_counts(stocked: Stocked) -> None:
    stocked.image("app", "layer", pulled=1.0)
    copy = (UPSTREAM, "copy", named("app"))
    stocked.images.note_pulls({copy: 3.0})
    going = choose(stocked.index, EVERYTHING).going
    assert still_going(stocked.index, going) == [*going]
    stocked.images.note_pulls({image("app"): 2.0})
    assert still_going(stocked.index, going) == []


def test_what_has_become_an_image_or_needed_or_pinned_stays(stocked: Stocked) -> None:
    for name in ("first", "second", "third"):
        stocked.blob(name)
    stocked.image("app", pulled=1.0)
    going = choose(stocked.index, EVERYTHING).going
    stocked.images.note_pulls({image("first"): 1.0})
    stocked.document("new", "second")
    stocked.images.pin(f"{UPSTREAM}/app")
    assert [one.parts[0][0] for one in still_going(stocked.index, going)] == [named("third")]


def test_what_is_too_large_goes_whoever_needs_it(stocked: Stocked) -> None:
    stocked.image("app", "huge", pulled=1.0)
    going = Going(Why.TOO_LARGE, ((named("huge"), 100),))
    assert still_going(stocked.index, [going]) == [going]


def test_the_largest_are_found(stocked: Stocked) -> None:
    for number, name in enumerate(("a", "b", "c")):
        stocked.blob(name, size=number * LARGE)
    stocked.images.pin(named("c"))
    assert larger_than(stocked.index, 0) == [(named("b"), LARGE)]
    assert larger_than(stocked.index, LARGE) == []
    stocked.images.unpin(named("c"))
    assert larger_than(stocked.index, LARGE) == [(named("c"), 2 * LARGE)]


def test_out_of_reach_is_what_only_unreachable_upstreams_are_known_to_have(stocked: Stocked) -> None:
    for name in ("nobody's", "away", "both"):
        stocked.blob(name)
    stocked.index.put_members([Member("away.example", "app", named(name)) for name in ("away", "both")])
    stocked.index.put_members([Member(UPSTREAM, "app", named("both"))])
    assert [is_out_of_reach(stocked.index, named(name), AWAY) for name in ("nobody's", "away", "both")] == [
        False,
        True,
        False,
    ]


def test_out_of_reach_is_also_a_manifest_whose_bytes_have_another_name(stocked: Stocked) -> None:
    stocked.blob("signed")
    stocked.index.put_members([Member("away.example", "app", named("unsigned"), TYPE, named("signed"))])
    assert is_out_of_reach(stocked.index, named("signed"), AWAY)
    assert not is_out_of_reach(stocked.index, named("unsigned"), AWAY)


def test_that_is_found_without_reading_all_memberships(stocked: Stocked) -> None:
    query = "SELECT DISTINCT upstream FROM members WHERE coalesce(content, digest) = ?"
    (step,) = [step for *_, step in stocked.index.read(f"EXPLAIN QUERY PLAN {query}", ("sha256:any",))]
    assert step.startswith("SEARCH members USING")
