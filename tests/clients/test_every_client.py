"""Each real client: it gets what was published, bit by bit, and the origin is asked no more than it must be."""

from __future__ import annotations

import signal

import pytest

from tests.clients.cost import (
    assert_each_byte_crossed_once,
    assert_nothing_was_asked,
    assert_only_the_tag_was_checked,
    blob_path,
)
from tests.clients.rig import Rig
from tests.support.gallery import BIG_LAYER, Published
from tests.support.mirror_process import DUE, FRESH
from tests.support.tap import Asked

pytestmark = pytest.mark.timeout(300)

BY_TAG = ("schema2", "oci", "list", "index", "zstd", "many", "nested", "artifact")
BY_DIGEST = ("pinned-list", "pinned-oci")


def references(rig: Rig) -> list[tuple[Published, str]]:
    """Everything that this client can pull, by tag and by digest."""
    named = [(rig.gallery[name], rig.gallery[name].by_tag) for name in BY_TAG]
    pinned = [(rig.gallery[name], rig.gallery[name].by_digest) for name in BY_DIGEST]
    return [(published, reference) for published, reference in named + pinned if rig.client.takes(published)]


def pull_everything(rig: Rig) -> None:
    """Pull it all, so that the mirror has it; what the client got is not looked at."""
    for _, reference in references(rig):
        rig.pull(reference)


def pull_and_check_everything(rig: Rig) -> None:
    for published, reference in references(rig):
        rig.pull(reference)
        rig.client.check(published, reference)


def layer_asked(asked: list[Asked], published: Published) -> list[Asked]:
    """The requests for the big layer."""
    path = blob_path(published, published.chosen.layers[-1].packed)
    return [one for one in asked if one.path == path]


def test_a_cold_pull_is_exact_and_every_byte_crosses_once(rig: Rig) -> None:
    for published, reference in references(rig):
        rig.tap.take()
        rig.pull(reference)
        rig.client.check(published, reference)
        assert_each_byte_crossed_once(rig.tap.take(), published)


def test_a_second_pull_is_exact_and_asks_the_origin_nothing(rig: Rig) -> None:
    rig.mirror.with_tag_ttl(FRESH)
    pull_everything(rig)
    rig.client.forget()
    rig.tap.take()
    pull_and_check_everything(rig)
    assert_nothing_was_asked(rig.tap.take())


def test_a_pulled_image_runs(rig: Rig) -> None:
    """Three layers were unpacked in order, the whiteout of the last one included."""
    published = rig.gallery["oci"]
    rig.pull(published.by_tag)
    assert rig.client.read(published.by_tag, "/etc/arch") == "amd64\n"
    assert rig.client.read(published.by_tag, "/etc/image") == "library/oci\n"
    assert rig.client.read(published.by_tag, "/etc/added") == "added to library/oci amd64\n"
    assert rig.client.read(published.by_tag, "/etc/passing") is None


def test_a_missing_tag_is_missing_and_soon_asked_for_no_more(rig: Rig) -> None:
    reference = "docker.io/library/oci:nowhere"
    rig.tap.take()
    rig.refused(reference)
    asked = rig.tap.take()
    assert {one.path for one in asked} == {"/v2/library/oci/manifests/nowhere"}
    assert len(asked) <= 2
    rig.refused(reference)
    assert_nothing_was_asked(rig.tap.take())


def test_a_client_that_is_killed_does_not_stop_the_fetch_and_pulls_the_rest_later(rig: Rig) -> None:
    published = rig.gallery["big-abandoned"]
    layer = published.chosen.layers[-1].packed
    gate = rig.tap.hold(layer.digest, BIG_LAYER // 2)
    pulling = rig.pulling(published.by_tag)
    gate.wait()
    pulling.stop(signal.SIGKILL)
    gate.open()
    asked = rig.tap.take()
    assert [(one.range, one.sent) for one in layer_asked(asked, published)] == [(None, len(layer.data))]
    rig.pull(published.by_tag)
    rig.client.check(published, published.by_tag)
    assert_nothing_was_asked(layer_asked(rig.tap.take(), published))


def test_a_broken_body_is_resumed_where_it_broke_and_the_client_does_not_notice(rig: Rig) -> None:
    published = rig.gallery["big-cut"]
    layer = published.chosen.layers[-1].packed
    gate = rig.tap.cut(layer.digest, BIG_LAYER // 2)
    rig.tap.take()
    rig.pull(published.by_tag)
    rig.client.check(published, published.by_tag)
    assert gate.reached.is_set()
    first, second = layer_asked(rig.tap.take(), published)
    assert (first.range, first.sent) == (None, BIG_LAYER // 2)
    assert second.range is not None
    start = int(second.range.removeprefix("bytes=").removesuffix("-"))
    # What the kernel still held when the connection broke has not arrived, and is asked for again.
    assert BIG_LAYER // 4 < start <= BIG_LAYER // 2
    assert second.sent == len(layer.data) - start


def test_a_due_tag_costs_one_head_and_no_body(rig: Rig) -> None:
    pull_everything(rig)
    rig.mirror.with_tag_ttl(DUE)
    rig.client.forget()
    for published, reference in references(rig):
        rig.tap.take()
        rig.pull(reference)
        rig.client.check(published, reference)
        if reference == published.by_tag:
            assert_only_the_tag_was_checked(rig.tap.take(), published)
        else:
            assert_nothing_was_asked(rig.tap.take())


def test_without_the_origin_everything_pulled_before_pulls_again(rig: Rig) -> None:
    pull_everything(rig)
    rig.mirror.with_tag_ttl(DUE)
    with rig.origin_stopped():
        rig.client.forget()
        pull_and_check_everything(rig)
