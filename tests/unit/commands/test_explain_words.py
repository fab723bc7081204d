"""An explanation in words: each thing that can be so has its own."""

from __future__ import annotations

from typing import Any

import pytest

from mirror.commands.explain_words import lines_of

ENDPOINT = {"place": "ghcr.io", "state": "closed", "probe_in": 0.0, "throttled_for": 0.0}
ROUTE = {
    "upstream": "ghcr.io",
    "pattern": None,
    "rule": "path",
    "why": "the name begins with it",
    "repository": "a/b",
    "reference": "v1",
    "admitted": True,
    "credential": "anonymous",
    "endpoints": [ENDPOINT],
}
TAG = {
    "digest": "sha256:1",
    "age": 60.0,
    "verdict": "fresh",
    "meaning": "answer without asking",
    "next_check_in": 240.0,
    "answerable_for": 30 * 86400.0,
    "trouble": "",
}
IMAGE = {
    "platform": "linux/amd64",
    "digest": "sha256:2",
    "manifest": True,
    "blobs": 3,
    "blobs_held": 3,
    "bytes": 2048,
    "bytes_held": 2048,
    "unproven": 0,
}
DOCUMENT = {
    "image": "ghcr.io/a/b:v1",
    "route": ROUTE,
    "frozen": False,
    "tag": TAG,
    "absent": False,
    "manifest": "sha256:1",
    "images": [IMAGE],
    "asks": [],
    "given": None,
}


def text(**values: Any) -> str:
    return "\n".join(lines_of({**DOCUMENT, **values}))


def of_image(**values: Any) -> str:
    return text(images=[{**IMAGE, **values}])


def of_tag(**values: Any) -> str:
    return text(tag={**TAG, **values})


def of_route(**values: Any) -> str:
    return text(route={**ROUTE, **values})


def test_what_is_cached_is_told_from_the_route_to_the_pull() -> None:
    assert text().splitlines() == [
        "image       ghcr.io/a/b:v1",
        "upstream    ghcr.io, because the name begins with it",
        "repository  a/b",
        "asked as    anonymous",
        "endpoint    ghcr.io: asked",
        "tag         sha256:1, checked 60 s ago",
        "            fresh: answer without asking; next check in 4 min; "
        "answered for 30 d more while the upstream cannot be asked",
        "cached      linux/amd64 sha256:2: manifest, 3 of 3 blobs (2.0 KiB of 2.0 KiB)",
        "a pull now  is answered from the cache",
    ]


def test_without_a_cache_there_is_the_route_alone() -> None:
    assert text(asks=None, images=None, tag=None).splitlines() == text().splitlines()[:5]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (of_route(pattern="*.pkg.dev"), "(by the pattern *.pkg.dev)"),
        (of_route(admitted=False), "not admitted by `allow` and `deny`"),
        (of_route(admitted=False), "is refused, and nobody is asked"),
        (of_route(endpoints=[{**ENDPOINT, "state": "open", "probe_in": 5.0}]), "left alone for 5 s more"),
        (of_route(endpoints=[{**ENDPOINT, "state": "half_open"}]), "one request is let through"),
        (of_route(endpoints=[{**ENDPOINT, "throttled_for": 90.0}]), "asked, limits our requests for 90 s more"),
        (of_tag(next_check_in=None, answerable_for=None), "it never moves"),
        (of_tag(next_check_in=0.0), "answer without asking; answered for 30 d more while"),
        (of_tag(next_check_in=0.0, answerable_for=None), "answered for ever while the upstream cannot be asked"),
        (of_tag(next_check_in=0.0, answerable_for=0.0), "too old to be answered"),
        (text(frozen=True), "until `mirror thaw`"),
        (text(frozen=True, tag=None, manifest=None, images=[], asks=["GET v1"]), "asks GET v1, which is refused"),
        (text(absent=True, tag=None, manifest=None, images=[]), "is answered 404"),
        (text(tag=None, images=[], asks=["GET manifests/v1"]), "a pull now  asks GET manifests/v1"),
        (text(images=None), "not everything could be looked at in time"),
        (text(manifest=None, images=[]), "nothing of it"),
        (text(images=[]), "its manifest, which lists no such image"),
        (of_image(blobs_held=1, bytes_held=1024), "for linux/amd64: 2 blobs of 1.0 KiB"),
        (of_image(unproven=2), "2 to be confirmed by the upstream"),
        (of_image(unproven=2), "a HEAD for 2 blobs"),
        (of_image(manifest=False), "its manifest, and then its blobs"),
    ],
)
def test_each_thing_that_can_be_so_is_said(said: str, words: str) -> None:
    assert words in said


def test_a_platform_that_nobody_has_wanted_is_not_said_to_be_missing() -> None:
    other = {**IMAGE, "platform": "linux/arm64", "manifest": False, "blobs": None, "bytes": None}
    said = text(images=[IMAGE, other])
    assert "linux/arm64 sha256:2: nothing" in said
    assert said.endswith("is answered from the cache")


DUE = {**TAG, "next_check_in": 0.0}


def frozen(**values: Any) -> str:
    return text(**{"frozen": True, "asks": ["HEAD v1"], "tag": DUE, **values}).splitlines()[-1]


def test_a_tag_that_is_due_is_answered_while_contact_is_frozen_and_what_is_missing_is_not() -> None:
    answered = "a pull now  is answered from the cache, with a warning that the tag could not be checked"
    assert frozen() == answered
    lacking = frozen(images=[{**IMAGE, "blobs_held": 2, "bytes_held": 1024}])
    assert lacking.startswith(f"{answered}; asks for linux/amd64: 1 blob of")
    assert lacking.endswith("which is refused as long as contact is frozen")


def test_a_tag_that_is_too_old_is_refused_while_contact_is_frozen() -> None:
    assert frozen(tag={**DUE, "answerable_for": 0.0}) == (
        "a pull now  asks HEAD v1, which is refused as long as contact is frozen"
    )


def test_what_is_held_is_answered_whatever_was_said_to_be_absent() -> None:
    assert text(absent=True, tag=None).endswith("is answered from the cache")


def test_what_is_given_in_the_place_of_the_tag_is_said_with_its_reason() -> None:
    assert "given" not in text()
    given = {"digest": "sha256:0", "why": "the operator has pinned this tag", "until": None}
    assert "given       sha256:0, because the operator has pinned this tag" in text(given=given)
