"""Variants: which clients share an answer, and what the upstream is asked with for the others."""

from __future__ import annotations

import pytest

from mirror.oci.media_types import (
    ACCEPT,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    MANIFEST_TYPES,
    OCI_INDEX,
    OCI_MANIFEST,
    SCHEMA1,
    SCHEMA1_SIGNED,
    accepts,
)
from mirror.pull.variants import MAIN, variant_for

EVERYTHING: list[list[str]] = [
    [],
    ["*/*"],
    ["application/*"],
    [ACCEPT],
    ACCEPT.split(", "),
    sorted(MANIFEST_TYPES),
    ["what is this"],
]
NOTHING_THAT_EXISTS = [["text/html"], ["*/*;q=0"], ["application/vnd.example+json"]]
SOME = [
    [DOCKER_MANIFEST],
    [OCI_MANIFEST],
    [DOCKER_MANIFEST, OCI_MANIFEST],
    [DOCKER_MANIFEST, DOCKER_LIST],
    [SCHEMA1_SIGNED, SCHEMA1],
    ["*/*", f"{OCI_INDEX};q=0"],
]


@pytest.mark.parametrize("accept", EVERYTHING)
def test_whoever_takes_everything_is_answered_from_the_main_one(accept: list[str]) -> None:
    assert variant_for(accept) is MAIN


@pytest.mark.parametrize("accept", NOTHING_THAT_EXISTS)
def test_whoever_takes_nothing_that_exists_is_answered_from_the_main_one_too(accept: list[str]) -> None:
    assert variant_for(accept) is MAIN


@pytest.mark.parametrize("accept", SOME)
def test_the_upstream_is_asked_for_what_the_client_takes_and_no_more(accept: list[str]) -> None:
    variant = variant_for(accept)
    assert variant.name
    asked = variant.accept.split(", ")
    assert asked == [media_type for media_type in ACCEPT.split(", ") if accepts(accept, media_type)]


def test_the_same_types_in_other_words_are_the_same_variant() -> None:
    assert variant_for([f"{OCI_MANIFEST}, {DOCKER_MANIFEST}"]) == variant_for(
        [DOCKER_MANIFEST, f"{OCI_MANIFEST};q=0.5"]
    )


def test_other_types_are_another_variant() -> None:
    names = [variant_for(accept).name for accept in SOME]
    assert len(set(names)) == len(names)


def test_the_main_one_is_asked_for_as_every_upstream_is() -> None:
    assert (MAIN.name, MAIN.accept) == ("", ACCEPT)
