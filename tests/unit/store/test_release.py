"""What goes with images that go: from the top down, and nothing that anything kept needs."""

from __future__ import annotations

from mirror.store.index import Member, TagRow
from mirror.store.release import Part, Release, belongings
from tests.support.stocked import TYPE, UPSTREAM, Stocked, image, named


def test_a_manifest_goes_before_what_it_needs_and_what_is_not_stored_goes_too(stocked: Stocked) -> None:
    name = stocked.image("app", "layer", "absent")
    stocked.index.forget_blob(named("absent"))
    parts = Release(stocked.index).image(name, name[2])
    assert parts[0] == Part(named("app"), 10)
    assert set(parts[1:]) == {Part(named("layer"), 100), Part(named("absent"), None)}


def test_what_two_images_share_goes_with_the_last(stocked: Stocked) -> None:
    one, two = stocked.image("one", "shared"), stocked.image("two", "shared")
    release = Release(stocked.index)
    assert release.image(one, one[2]) == [Part(named("one"), 10)]
    assert release.image(two, two[2]) == [Part(named("two"), 10), Part(named("shared"), 100)]


def test_what_is_taken_back_keeps_what_it_needs(stocked: Stocked) -> None:
    one, two = stocked.image("one", "shared"), stocked.image("two", "shared")
    release = Release(stocked.index)
    release.take_back(one, release.image(one, one[2]))
    assert release.image(two, two[2]) == [Part(named("two"), 10)]


def test_a_platform_that_was_pulled_by_itself_keeps_its_own(stocked: Stocked) -> None:
    stocked.image("amd64", "layer")
    name = stocked.image("app", "amd64")
    assert Release(stocked.index).image(name, name[2]) == [Part(named("app"), 10)]


def test_what_is_pinned_keeps_what_it_needs(stocked: Stocked) -> None:
    stocked.document("amd64", "layer")
    stocked.blob("layer")
    name = stocked.image("app", "amd64")
    stocked.images.pin(named("amd64"))
    assert Release(stocked.index).image(name, name[2]) == [Part(named("app"), 10)]


def test_what_is_pinned_keeps_nothing_that_lies_beside_it(stocked: Stocked) -> None:
    layers = {f"layer {number}" for number in range(9)}  # some come before it, and some after it
    name = stocked.image("app", "pinned", *layers)
    stocked.images.pin(named("pinned"))
    parts = Release(stocked.index).image(name, name[2])
    assert {part.digest for part in parts} == {named("app"), *map(named, layers)}


def test_an_image_that_is_taken_back_keeps_what_another_name_of_it_would_have_taken(stocked: Stocked) -> None:
    one = stocked.image("app", "layer")
    other = (UPSTREAM, "other", one[2])
    stocked.index.put_members([Member(*other, TYPE)])
    stocked.images.note_pulls({other: 1.0})
    release = Release(stocked.index)
    assert release.image(one, one[2]) == []
    release.take_back(one, [])
    assert release.image(other, one[2]) == []
    assert release.image(one, one[2]) == [Part(named("app"), 10), Part(named("layer"), 100)]


def test_the_belongings_of_an_image_are_its_own_tags_and_what_only_it_needs(stocked: Stocked) -> None:
    stocked.image("app", "own", "shared")
    stocked.image("other", "shared")
    stocked.index.put_tags([TagRow(UPSTREAM, "app", "v1", named("app"), 1.0)])
    found = belongings(stocked.index, (UPSTREAM, "app"), named("app"))
    assert found.tags == ("v1",)
    assert found.stored == [(named("app"), 10), (named("own"), 100)]
    assert set(found.names) == {image("app"), (UPSTREAM, "app", named("own"))}


def test_the_belongings_of_a_repository_are_those_of_all_its_images(stocked: Stocked) -> None:
    for name in ("one", "two"):
        stocked.document(name, "shared")
        stocked.images.note_pulls({(UPSTREAM, "app", named(name)): 1.0})
    stocked.blob("shared")
    stocked.image("other", "elsewhere")
    stocked.index.put_members([Member(UPSTREAM, "app", named("elsewhere"))])
    found = belongings(stocked.index, (UPSTREAM, "app"), None)
    assert dict(found.stored) == {named("one"): 10, named("two"): 10, named("shared"): 100}
    members = {name for _, _, name in found.names}  # that the repository has it is forgotten also of what stays
    assert members == {named("one"), named("two"), named("shared"), named("elsewhere")}


def test_what_is_not_there_has_no_belongings(stocked: Stocked) -> None:
    stocked.image("app", "own")
    found = belongings(stocked.index, (UPSTREAM, "other"), None)
    assert (found.names, found.tags, found.parts) == ((), (), ())
