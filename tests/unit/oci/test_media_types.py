"""`Accept`, against RFC 9110 section 12.5.1 and the headers that real clients send."""

from __future__ import annotations

import pytest

from mirror.oci import media_types
from mirror.oci.media_types import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    MANIFEST_TYPES,
    OCI_INDEX,
    OCI_MANIFEST,
    SCHEMA1_SIGNED,
    accepts,
    bare,
    may_be_a_manifests,
)

DOCKERD = [SCHEMA1_SIGNED, "application/json", OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST, OCI_MANIFEST]

ACCEPTED = [
    ([], OCI_INDEX),
    ([""], OCI_INDEX),
    (["", " , ,\t"], OCI_INDEX),
    (["*/*"], OCI_INDEX),
    (["application/*"], OCI_INDEX),
    (["APPLICATION/VND.OCI.IMAGE.INDEX.V1+JSON"], OCI_INDEX),
    ([f"{OCI_MANIFEST}, */*"], OCI_INDEX),
    ([f"text/html,{OCI_INDEX};q=0.1"], OCI_INDEX),
    ([f" {OCI_INDEX} ; charset=utf-8"], OCI_INDEX),
    ([f"{OCI_INDEX}; q=1"], OCI_INDEX),
    ([f"{OCI_INDEX}; q=0.001"], OCI_INDEX),
    ([f"*/*;q=0, {OCI_INDEX}"], OCI_INDEX),
    ([f"application/*;q=0, {OCI_INDEX};q=0.5"], OCI_INDEX),
    (["*/*;q=0, application/*"], OCI_INDEX),
    ([f"{OCI_INDEX};q=0", OCI_INDEX], OCI_INDEX),
    ([f"{OCI_INDEX};q=0", f"{OCI_INDEX} "], OCI_INDEX),
    ([f"{OCI_INDEX} ", f"{OCI_INDEX};q=0"], OCI_INDEX),
    (DOCKERD, OCI_INDEX),
    (DOCKERD[::-1], DOCKER_LIST),
    ([", ".join(DOCKERD)], SCHEMA1_SIGNED),
]

REFUSED = [
    ([OCI_MANIFEST], OCI_INDEX),
    ([f"{OCI_MANIFEST}, {DOCKER_MANIFEST}", "application/json"], OCI_INDEX),
    ([f"{OCI_INDEX};q=0"], OCI_INDEX),
    ([f"{OCI_INDEX};q=0.000, */*"], OCI_INDEX),
    ([f"{OCI_INDEX} ; Q=0. ; x=y, */*"], OCI_INDEX),
    (["application/*;q=0, */*"], OCI_INDEX),
    (["*/*;q=0"], OCI_INDEX),
    (["text/*"], OCI_INDEX),
    ([f"{OCI_INDEX}x"], OCI_INDEX),
    ([f"x{OCI_INDEX}, */json"], OCI_INDEX),
]

NOT_UNDERSTOOD = [
    ["nonsense"],
    ["text/html text/plain"],
    [f'{OCI_MANIFEST}; x="{OCI_INDEX}, */*"'],
    ["text/html, a/b/c"],
    ["text/ht\x00ml"],
    ["t\u00e4xt/html"],
    ["text/html, \ud800/x"],
    ["/"],
    ["text/html,"] * 65,
    ["text/html," * 820],
]


@pytest.mark.parametrize(("headers", "media_type"), ACCEPTED)
def test_a_type_is_accepted_that_a_range_of_any_line_matches(headers: list[str], media_type: str) -> None:
    assert accepts(headers, media_type)


@pytest.mark.parametrize(("headers", "media_type"), REFUSED)
def test_a_type_is_refused_that_no_range_matches_or_that_weighs_nothing(headers: list[str], media_type: str) -> None:
    assert not accepts(headers, media_type)


@pytest.mark.parametrize("headers", NOT_UNDERSTOOD)
def test_a_header_that_cannot_be_understood_accepts_everything(headers: list[str]) -> None:
    assert accepts(headers, OCI_INDEX)


@pytest.mark.parametrize(
    ("content_type", "media_type"),
    [
        ("", ""),
        (OCI_INDEX, OCI_INDEX),
        (f"{OCI_INDEX}; charset=utf-8", OCI_INDEX),
        (f" {OCI_INDEX.upper()}\t;", OCI_INDEX),
        ("application/jso\N{KELVIN SIGN}", "application/jso\N{KELVIN SIGN}"),
    ],
)
def test_a_bare_type_has_no_parameters_and_no_capitals(content_type: str, media_type: str) -> None:
    assert bare(content_type) == media_type


def test_the_upstream_is_asked_for_every_manifest_there_is_the_modern_ones_first() -> None:
    asked = media_types.ACCEPT.split(", ")
    assert set(asked) == MANIFEST_TYPES
    assert asked[:4] == [DOCKER_MANIFEST, DOCKER_LIST, OCI_MANIFEST, OCI_INDEX]
    assert all(accepts([media_types.ACCEPT], media_type) for media_type in MANIFEST_TYPES)


@pytest.mark.parametrize(
    "media_type",
    [*sorted(MANIFEST_TYPES), "application/vnd.cncf.oras.artifact.manifest.v1+json", "application/vnd.a+json"],
)
def test_manifests_are_of_the_known_types_or_of_a_vendors(media_type: str) -> None:
    assert may_be_a_manifests(media_type)


@pytest.mark.parametrize(
    "media_type",
    [
        "",
        "text/html",
        "application/json",
        "application/problem+json",
        "application/vnd.+json",
        "application/vnd..a+json",
        "application/vnd.a+xml",
        "application/vnd.a+json ",
        "application/vnd.a b+json",
        "application/vnd.\u00e4+json",
        "application/vnd.A+json",
        f"application/vnd.{'a' * 112}+json",
        "text/vnd.a+json",
    ],
)
def test_nothing_else_is_a_manifests_type(media_type: str) -> None:
    assert not may_be_a_manifests(media_type)
