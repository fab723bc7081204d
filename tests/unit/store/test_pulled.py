"""Images that were pulled since some time, whatever is left of them."""

from __future__ import annotations

from mirror.store.index import Member, TagRow
from mirror.store.journal_schema import ADD
from mirror.store.pulled import pulled_since
from mirror.store.tag_pins import TagPin, put_pins
from tests.support.stocked import TYPE, UPSTREAM, Stocked, image, named

FIRST = ("", "", "")


def test_they_come_in_the_order_of_their_names_and_page_by_page(stocked: Stocked) -> None:
    for number, repository in enumerate(("c", "a", "b")):
        stocked.image(repository, "layer", pulled=float(number))
    found = pulled_since(stocked.index, 1.0, FIRST, 10)
    assert [one.repository for one in found] == ["a", "b"]
    assert [one.repository for one in pulled_since(stocked.index, 0.0, FIRST, 2)] == ["a", "b"]
    assert [one.repository for one in pulled_since(stocked.index, 0.0, image("b"), 2)] == ["c"]
    assert (found[0].pinned, found[0].pins, found[0].left) == (False, (), {})


def test_what_was_evicted_is_still_known(stocked: Stocked) -> None:
    stocked.image("a", "layer", pulled=1.0)
    stocked.index.forget_blob(named("a"))
    (one,) = pulled_since(stocked.index, 0.0, FIRST, 10)
    assert (one.digest, one.last_pull) == (named("a"), 1.0)


def test_tags_are_told_that_point_to_it_are_pinned_to_it_or_have_left_it(stocked: Stocked) -> None:
    stocked.image("a", "layer", pulled=1.0)
    digest = named("a")
    stocked.index.put_tags([TagRow(UPSTREAM, "a", tag, digest, 1.0) for tag in ("v1", "latest")])
    put_pins(stocked.index, [TagPin(UPSTREAM, "a", "kept", digest, 1.0)])
    for seen in (5.0, 7.0):
        stocked.index.write(ADD, (UPSTREAM, "a", "prod", digest, named("other"), seen, ""))
    (one,) = pulled_since(stocked.index, 0.0, FIRST, 10)
    assert (one.tags, one.pins, one.left) == (("latest", "v1"), ("kept",), {"prod": 7.0})
    assert one.pinned  # a tag that is pinned to it pins the image


def test_what_is_pinned_by_the_digest_of_its_bytes_is_pinned_by_whatever_name_it_was_pulled(stocked: Stocked) -> None:
    content = stocked.document("content", "layer")
    name = (UPSTREAM, "a", f"sha512:{'0' * 128}")
    stocked.index.put_members([Member(*name, TYPE, content)])
    stocked.images.note_pulls({name: 1.0})
    stocked.images.pin(named("layer"))  # the layer is kept, and not the image
    assert [one.pinned for one in pulled_since(stocked.index, 0.0, FIRST, 10)] == [False]
    stocked.images.pin(content)
    assert [one.pinned for one in pulled_since(stocked.index, 0.0, FIRST, 10)] == [True]
