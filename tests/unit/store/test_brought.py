"""What came in a bundle is kept as what was pulled, and is told apart until somebody pulls it."""

from __future__ import annotations

import pytest

from mirror.store.brought import last_given, note_brought
from mirror.store.index import Member
from tests.support.stocked import TYPE, UPSTREAM, Stocked, image, named

APP = image("app")


def last_pull(stocked: Stocked) -> float:
    (one,) = stocked.images.list()
    return one.last_pull


def test_what_came_in_a_bundle_counts_as_pulled_and_nobody_was_given_it(stocked: Stocked) -> None:
    stocked.document("app", "layer")
    assert last_given(stocked.index, APP) is None
    for when in (5.0, 7.0):
        note_brought(stocked.index, APP, when)
        assert (last_pull(stocked), last_given(stocked.index, APP)) == (when, None)


@pytest.mark.parametrize("again", [False, True])
def test_a_pull_before_or_after_it_is_one(stocked: Stocked, again: bool) -> None:
    stocked.image("app", "layer", pulled=3.0)
    note_brought(stocked.index, APP, 5.0)
    if again:
        note_brought(stocked.index, APP, 6.0)
    assert (last_pull(stocked), last_given(stocked.index, APP)) == (6.0 if again else 5.0, 3.0)
    stocked.images.note_pulls({APP: 8.0})
    assert last_given(stocked.index, APP) == 8.0


def test_a_pull_by_a_clock_that_was_ahead_of_it_is_one(stocked: Stocked) -> None:
    stocked.image("app", "layer", pulled=9.0)
    note_brought(stocked.index, APP, 5.0)
    assert (last_pull(stocked), last_given(stocked.index, APP)) == (9.0, 9.0)


def test_of_a_part_the_whole_image_has_come(stocked: Stocked) -> None:
    stocked.image("app", "amd64", pulled=3.0)
    stocked.document("amd64", "layer")
    stocked.index.put_members([Member(UPSTREAM, "app", named("amd64"), TYPE)])
    note_brought(stocked.index, (UPSTREAM, "app", named("amd64")), 5.0)
    assert (last_pull(stocked), last_given(stocked.index, APP)) == (5.0, 3.0)
    assert last_given(stocked.index, (UPSTREAM, "app", named("amd64"))) is None


def test_an_image_that_is_forgotten_leaves_nothing_behind(stocked: Stocked) -> None:
    stocked.document("app", "layer")
    note_brought(stocked.index, APP, 5.0)
    stocked.images.forget([APP])
    assert list(stocked.index.read("SELECT * FROM brought")) == []
