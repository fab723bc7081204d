"""Where tags point and which repositories have what, by the index."""

from __future__ import annotations

import pytest

from mirror.store import lookup
from mirror.store.index import Member, TagRow
from tests.support.stocked import UPSTREAM, Stocked, named

PLACE = (UPSTREAM, "app")


@pytest.fixture
def stocked(stocked: Stocked) -> Stocked:
    """With an image that has two tags."""
    stocked.image("app", "layer")
    stocked.index.put_tags([TagRow(*PLACE, tag, named("app"), 1.0) for tag in ("v2", "v1")])
    return stocked


def test_a_tag_leads_to_a_digest_and_back(stocked: Stocked) -> None:
    assert lookup.pointed_to(stocked.index, PLACE, "v1") == named("app")
    assert lookup.pointed_to(stocked.index, PLACE, "v3") is None
    assert lookup.tags_of(stocked.index, PLACE, named("app")) == ["v1", "v2"]
    assert lookup.tags_of(stocked.index, PLACE, named("layer")) == []


def test_an_image_is_found_in_all_its_repositories_and_by_how_it_begins(stocked: Stocked) -> None:
    stocked.images.note_pulls({("another.example", "app", named("app")): 1.0})
    assert lookup.places_of(stocked.index, named("app")) == [("another.example", "app"), PLACE]
    assert lookup.images_of(stocked.index, PLACE) == [named("app")]
    assert lookup.beginning_with(stocked.index, named("app")[:20]) == [named("app")]
    assert lookup.beginning_with(stocked.index, named("app")) == [named("app")]
    assert lookup.beginning_with(stocked.index, named("layer")) == []
    assert lookup.beginning_with(stocked.index, "sha256:g") == []


def test_of_a_repository_something_is_known_if_only_a_tag(stocked: Stocked) -> None:
    stocked.index.put_tags([TagRow(UPSTREAM, "tagged", "v1", named("x"), 1.0)])
    stocked.index.put_members([Member(UPSTREAM, f"b/{number:04}", named("x")) for number in range(1200)])
    assert [lookup.is_known(stocked.index, (UPSTREAM, name)) for name in ("app", "tagged", "b/0007", "c")] == [
        True,
        True,
        True,
        False,
    ]
    places = lookup.repositories_of(stocked.index, UPSTREAM)
    assert (len(places), places[0], places[-1]) == (1201, PLACE, (UPSTREAM, "b/1199"))
    assert lookup.repositories_of(stocked.index, "another.example") == []


def test_content_is_pinned_or_not(stocked: Stocked) -> None:
    assert not lookup.is_pinned(stocked.index, named("layer"))
    stocked.images.pin(named("layer"))
    assert lookup.is_pinned(stocked.index, named("layer"))
    assert not lookup.is_pinned(stocked.index, named("none"))


def test_an_image_is_named_where_its_manifest_is_here(stocked: Stocked) -> None:
    stocked.images.note_pulls({("another.example", f"b/{number}", named("app")): 1.0 for number in range(3)})
    stocked.images.note_pulls({("another.example", "c", named("none")): 1.0})
    assert lookup.held_in(stocked.index, named("app"), 2) == [("another.example", "b/0"), ("another.example", "b/1")]
    assert lookup.held_in_all(stocked.index, named("app")) == 4
    assert lookup.image_of(stocked.index, ("another.example", "b/2"), named("app")) == (named("app"), 1.0)
    assert (lookup.held_in(stocked.index, named("none"), 9), lookup.held_in_all(stocked.index, named("none"))) == (
        [],
        0,
    )
    assert lookup.image_of(stocked.index, ("another.example", "c"), named("none")) is None
