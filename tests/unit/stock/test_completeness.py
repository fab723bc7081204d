"""How much of an image is here, whatever it is made of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mirror.oci.media_types import OCI_INDEX
from mirror.stock.completeness import Completeness, completeness
from mirror.store.index import Index, Member
from tests.support.stocked import UPSTREAM, Stocked, named


@pytest.fixture
def stocked(tmp_path: Path) -> Iterator[Stocked]:
    index = Index(tmp_path)
    yield Stocked(index)
    index.close()


def of(stocked: Stocked) -> Completeness:
    (image,) = stocked.images.list()
    return completeness(image)


def index_of(stocked: Stocked, *manifests: str) -> None:
    stocked.document("app", *manifests)
    stocked.index.put_members([Member(UPSTREAM, "app", named("app"), OCI_INDEX)])
    stocked.images.note_pulls({(UPSTREAM, "app", named("app")): 1.0})


def test_an_image_of_which_nothing_lacks_is_full(stocked: Stocked) -> None:
    stocked.image("app", "config", "layer")
    assert of(stocked) is Completeness.FULL


def test_an_image_without_one_of_its_layers_is_partial(stocked: Stocked) -> None:
    stocked.image("app", "config", "layer")
    stocked.index.forget_blob(named("layer"))
    assert of(stocked) is Completeness.PARTIAL


def test_a_manifest_without_its_blobs_is_no_more_than_that(stocked: Stocked) -> None:
    stocked.image("app", "config", "layer")
    for blob in ("config", "layer"):
        stocked.index.forget_blob(named(blob))
    assert of(stocked) is Completeness.MANIFEST_ONLY


def test_of_an_index_nobody_misses_the_platforms_that_were_not_pulled(stocked: Stocked) -> None:
    index_of(stocked, "amd64", "arm64")
    stocked.document("amd64", "layer")
    stocked.blob("layer")
    assert of(stocked) is Completeness.FULL


def test_a_platform_that_lacks_a_layer_makes_its_index_partial(stocked: Stocked) -> None:
    index_of(stocked, "amd64", "arm64")
    stocked.document("amd64", "layer", "top")
    stocked.blob("layer")
    assert of(stocked) is Completeness.PARTIAL


def test_an_index_without_any_platform_is_no_more_than_that(stocked: Stocked) -> None:
    index_of(stocked, "amd64", "arm64")
    assert of(stocked) is Completeness.INDEX_ONLY
