"""Images in the index: what belongs together, who needs what, and what is loose."""

from __future__ import annotations

from mirror.store.images import Image
from mirror.store.index import Member, TagRow
from tests.support.stocked import TYPE, UPSTREAM, Stocked, image, named

DAY = 86400.0


# what belongs together


def test_an_image_is_its_manifest_and_all_that_it_needs(stocked: Stocked) -> None:
    stocked.image("app", "config", "base", "top", pulled=5.0)
    stocked.index.put_tags([TagRow(UPSTREAM, "app", "v1", named("app"), 1.0)])
    stocked.index.put_tags([TagRow(UPSTREAM, "app", "latest", named("app"), 1.0)])
    stocked.index.put_tags([TagRow(UPSTREAM, "app", "other", named("base"), 1.0)])
    stocked.index.forget_blob(named("top"))
    assert stocked.images.list() == [
        Image(UPSTREAM, "app", named("app"), ("latest", "v1"), TYPE, 5.0, 210, 3, 1, False, True, pinned=False)
    ]
    assert dict(stocked.images.closure(named("app"))) == {
        named("app"): 10,
        named("config"): 100,
        named("base"): 100,
        named("top"): None,
    }
    assert stocked.images.closure(named("app"))[0] == (named("app"), 10)


def test_a_pull_of_a_part_is_one_of_the_image_that_was_pulled_last(stocked: Stocked) -> None:
    stocked.image("app", "amd64", pulled=1.0)
    stocked.document("newer", "amd64")
    stocked.index.put_members([Member(UPSTREAM, "app", named("newer"), TYPE)])
    stocked.images.note_pulls({(UPSTREAM, "app", named("newer")): 2.0})
    stocked.images.note_pulls({(UPSTREAM, "app", named("amd64")): DAY})
    assert {one.digest: one.last_pull for one in stocked.images.list()} == {named("app"): 1.0, named("newer"): DAY}


def test_what_the_manifests_of_an_index_need_is_its_too(stocked: Stocked) -> None:
    stocked.document("amd64", "layer")
    stocked.blob("layer")
    stocked.image("app", "amd64", "arm64")
    assert dict(stocked.images.closure(named("app"))).keys() == {
        named(name) for name in ("app", "amd64", "arm64", "layer")
    }
    assert stocked.images.needed_by(named("layer")) == [named("amd64")]
    assert stocked.images.needed_by(named("app")) == []


def test_what_is_needed_twice_counts_once(stocked: Stocked) -> None:
    stocked.document("amd64", "layer")
    stocked.document("arm64", "layer")
    stocked.blob("layer")
    stocked.image("app", "amd64", "arm64")
    (found,) = stocked.images.list()
    assert (found.size, found.missing) == (10 + 10 + 10 + 100, 0)


def test_an_image_whose_bytes_have_another_name_is_found_by_its_own(stocked: Stocked) -> None:
    stocked.document("signed", "layer")
    stocked.blob("layer")
    name = image("app")
    stocked.index.put_members([Member(*name, TYPE, named("signed"))])
    stocked.images.note_pulls({name: 1.0})
    (found,) = stocked.images.list()
    assert (found.digest, found.size, found.missing) == (named("app"), 110, 0)
    assert stocked.images.closure(named("app")) == [(named("signed"), 10), (named("layer"), 100)]


def test_images_are_listed_of_an_upstream_or_a_repository_page_by_page(stocked: Stocked) -> None:
    for number in range(5):
        stocked.image(f"app{number}", f"layer{number}")
    stocked.image("app1", "layer1", upstream="other.example")
    everything = stocked.images.list()
    assert stocked.images.count() == 6
    assert [(one.upstream, one.repository) for one in everything] == [
        ("other.example", "app1"),
        *((UPSTREAM, f"app{number}") for number in range(5)),
    ]
    assert stocked.images.list("other.example") == everything[:1]
    assert stocked.images.list(UPSTREAM, "app3") == everything[4:5]
    assert stocked.images.page((None, None), ("", "", ""), 2) == everything[:2]
    last = everything[1]
    assert stocked.images.page((None, None), (last.upstream, last.repository, last.digest), 2) == everything[2:4]


# what is noted


def test_nothing_is_noted_of_a_document_that_is_not_stored(stocked: Stocked) -> None:
    stocked.blob("layer")
    stocked.images.note(named("app"), [named("layer")])
    assert not stocked.images.is_noted(named("app"))
    assert stocked.loose() == {named("layer")}


def test_what_is_noted_twice_stays_as_it_is(stocked: Stocked) -> None:
    stocked.document("app", "layer")
    stocked.images.note(named("app"), [named("layer"), named("app")])
    assert stocked.images.is_noted(named("app"))
    assert stocked.images.closure(named("app")) == [(named("app"), 10), (named("layer"), None)]


def test_a_manifest_that_an_image_of_its_repository_lists_is_no_image(stocked: Stocked) -> None:
    stocked.document("amd64")
    stocked.image("app", "amd64")
    stocked.images.note_pulls({(UPSTREAM, "app", named("amd64")): 1.0, (UPSTREAM, "copy", named("amd64")): 2.0})
    assert [(one.repository, one.digest) for one in stocked.images.list()] == [
        ("app", named("app")),
        ("copy", named("amd64")),
    ]


def test_an_image_whose_manifest_is_not_stored_is_not_held_until_it_is(stocked: Stocked) -> None:
    stocked.images.note_pulls({image("app"): 1.0})
    assert stocked.images.list() == []
    stocked.blob("app")
    assert [one.last_pull for one in stocked.images.list()] == [1.0]
    stocked.index.forget_blob(named("app"))
    assert stocked.images.list() == []


def test_a_pull_is_never_earlier_than_is_known(stocked: Stocked) -> None:
    name = stocked.image("app", pulled=10.0)
    stocked.images.note_pulls({name: 5.0})
    assert [one.last_pull for one in stocked.images.list()] == [10.0]
    stocked.images.note_pulls({name: 20.0})
    assert [one.last_pull for one in stocked.images.list()] == [20.0]


# what is loose


def test_what_no_document_needs_and_is_no_image_is_loose(stocked: Stocked) -> None:
    stocked.blob("first")
    stocked.blob("layer")
    assert stocked.loose() == {named("first"), named("layer")}
    stocked.document("app", "layer", "later")
    assert stocked.loose() == {named("first"), named("app")}
    stocked.blob("later")
    assert stocked.loose() == {named("first"), named("app")}
    stocked.images.note_pulls({image("app"): 1.0})
    assert stocked.loose() == {named("first")}


def test_what_loses_the_last_document_that_needs_it_is_loose_again(stocked: Stocked) -> None:
    stocked.image("one", "shared", "own")
    stocked.image("two", "shared")
    stocked.index.forget_blob(named("one"))
    assert stocked.loose() == {named("own")}
    stocked.index.forget_blob(named("two"))
    assert stocked.loose() == {named("own"), named("shared")}
    stocked.index.forget_blob(named("own"))
    assert stocked.loose() == {named("shared")}


def test_a_document_that_comes_back_has_to_be_noted_again(stocked: Stocked) -> None:
    stocked.image("app", "layer")
    stocked.index.forget_blob(named("app"))
    assert not stocked.images.is_noted(named("app"))
    stocked.document("app", "layer")
    assert stocked.loose() == set()


def test_a_use_moves_what_is_loose(stocked: Stocked) -> None:
    stocked.blob("blob", used=1.0)
    stocked.index.touch({named("blob"): 9.0})
    assert [*stocked.index.read("SELECT last_use FROM loose")] == [(9.0,)]


def test_what_is_forgotten_is_no_image_and_what_it_needed_stays(stocked: Stocked) -> None:
    name = stocked.image("app", "layer")
    stocked.index.put_tags([TagRow(UPSTREAM, "app", "v1", named("app"), 1.0)])
    stocked.images.forget([name])
    assert stocked.images.list() == []
    assert stocked.index.member(*name) is None
    assert stocked.index.tag_names(UPSTREAM, "app") == []
    assert stocked.loose() == {named("app")}
    assert stocked.index.size() == 110


# pins


def test_pins_are_kept_in_order_and_let_go_of(stocked: Stocked) -> None:
    stocked.images.pin("b/*")
    stocked.images.pin("a/*")
    stocked.images.pin("a/*")
    assert stocked.images.pins() == ["a/*", "b/*"]
    assert stocked.images.unpin("a/*")
    assert not stocked.images.unpin("a/*")
    assert stocked.images.pins() == ["b/*"]


def test_an_image_is_pinned_by_a_pattern_or_by_its_digest(stocked: Stocked) -> None:
    stocked.image("app", "layer")
    stocked.image("other", "layer")
    stocked.images.pin(f"{UPSTREAM}/app")
    assert [one.pinned for one in stocked.images.list()] == [True, False]
    stocked.images.pin(named("other"))
    assert [one.pinned for one in stocked.images.list()] == [True, True]
    stocked.images.unpin(named("other"))
    assert [one.pinned for one in stocked.images.list()] == [True, False]


def test_a_digest_that_is_pinned_before_it_is_stored_is_pinned_then(stocked: Stocked) -> None:
    stocked.images.pin(named("app"))
    stocked.image("app")
    assert [one.pinned for one in stocked.images.list()] == [True]
