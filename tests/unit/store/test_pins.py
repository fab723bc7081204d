"""Which images a pattern means: by repository, tag or digest."""

from __future__ import annotations

import pytest

from mirror.store.pins import Pins, is_of_a_digest

DIGEST = "sha256:" + "a" * 64
PLACE = ("ghcr.io", "owner/name")


@pytest.mark.parametrize(
    "pattern",
    [
        "ghcr.io/owner/name",
        "ghcr.io/owner/name:v1",
        "ghcr.io/owner/name:v*",
        "ghcr.io/owner/*",
        "ghcr.io/*",
        "*",
        "*/name",
        f"ghcr.io/owner/name@{DIGEST}",
        DIGEST,
    ],
)
def test_a_pattern_means_the_images_whose_name_it_matches(pattern: str) -> None:
    assert Pins.of([pattern]).covering(PLACE, DIGEST, ("v1", "latest")) == pattern


@pytest.mark.parametrize(
    "pattern",
    ["ghcr.io/owner", "owner/name", "ghcr.io/owner/name:v2", "GHCR.IO/owner/name", "ghcr.io/owner/nam", "", "sha256:a"],
)
def test_a_pattern_means_no_other(pattern: str) -> None:
    assert Pins.of([pattern]).covering(PLACE, DIGEST, ("v1",)) is None


def test_the_first_of_several_is_named() -> None:
    assert Pins.of(["ghcr.io/*", "*"]).covering(PLACE, DIGEST, ()) == "*"
    assert Pins.of([]).covering(PLACE, DIGEST, ()) is None


def test_a_digest_is_told_from_a_name() -> None:
    assert is_of_a_digest(DIGEST)
    assert not is_of_a_digest("ghcr.io/owner/name")
    assert not is_of_a_digest(DIGEST[:-1])
