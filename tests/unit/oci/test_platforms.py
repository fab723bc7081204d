"""The platforms of an index, whatever stands in it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.oci.platforms import platform_of, platforms_of


def of(entry: object) -> dict[str, str]:
    return platforms_of(json.dumps({"manifests": [entry]}).encode())


@pytest.mark.parametrize(
    ("platform", "words"),
    [
        ({"os": "linux", "architecture": "amd64"}, "linux/amd64"),
        ({"os": "linux", "architecture": "arm", "variant": "v7"}, "linux/arm/v7"),
        ({"os": "windows", "architecture": "amd64", "os.version": "10.0"}, "windows/amd64"),
        ({"os": "unknown", "architecture": "unknown"}, "unknown"),
        ({"os": "\x1b[31m", "architecture": "amd64"}, "amd64"),
        ({"os": 1, "architecture": None}, "unknown"),
        ({}, "unknown"),
        ("linux", "unknown"),
        (None, "unknown"),
    ],
)
def test_a_platform_is_written_in_words_that_can_be_printed(platform: object, words: str) -> None:
    assert of({"digest": "sha256:1", "platform": platform}) == {"sha256:1": words}


def test_what_is_attested_is_told_from_an_image() -> None:
    entry: dict[str, Any] = {
        "digest": "d",
        "platform": {"os": "unknown", "architecture": "unknown"},
        "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
    }
    assert of(entry) == {"d": "attestation"}


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"manifests": 1}', b'{"manifests": [1, {}]}', b"\xff"])
def test_what_lists_nothing_has_no_platforms(body: bytes) -> None:
    assert platforms_of(body) == {}


@given(st.binary())
def test_any_bytes_can_be_looked_at(body: bytes) -> None:
    assert platforms_of(body) == {} or b"digest" in body


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"os": "linux", "architecture": "arm64", "variant": "v8", "config": {}}, "linux/arm64/v8"),
        ({"architecture": "\x1b"}, "unknown"),
        ({}, "unknown"),
        ([], "unknown"),
    ],
)
def test_an_image_that_no_index_lists_says_itself_what_it_is_for(config: object, words: str) -> None:
    assert platform_of(json.dumps(config).encode()) == words
    assert platform_of(b"{") == "unknown"
