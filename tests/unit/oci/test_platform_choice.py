"""Platforms by whichever name they go, and which of those that are listed serve."""

from __future__ import annotations

import pytest

from mirror.errors import Malformed
from mirror.oci.platform_choice import chosen, parse_platform


@pytest.mark.parametrize(
    ("written", "usual"),
    [
        ("linux/amd64", "linux/amd64/v1"),
        ("amd64", "linux/amd64/v1"),
        ("Linux/x86_64", "linux/amd64/v1"),
        ("aarch64", "linux/arm64/v8"),
        ("linux/arm64/v8", "linux/arm64/v8"),
        ("linux/armv7l", "linux/arm/v7"),
        ("linux/arm/v6", "linux/arm/v6"),
        ("armel", "linux/arm/v6"),
        ("linux/s390x", "linux/s390x"),
        ("windows/amd64", "windows/amd64/v1"),
    ],
)
def test_a_platform_has_one_name(written: str, usual: str) -> None:
    assert parse_platform(written) == usual
    assert parse_platform(usual) == usual


@pytest.mark.parametrize("text", ["", "/", "linux/", "linux/a b", "linux/arm/v7/x", "linux/\x1b[31m", "é/é", "a" * 80])
def test_what_is_no_platform_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="not a platform"):
        parse_platform(text)


LISTED = {
    "a": "linux/amd64",
    "b": "linux/arm64/v8",
    "c": "linux/arm/v6",
    "d": "linux/arm/v7",
    "e": "attestation",
    "f": "unknown",
    "g": "windows/amd64",
}


@pytest.mark.parametrize(
    ("wanted", "digests"),
    [
        ((), "abcdefg"),
        (("linux/amd64/v1",), "a"),
        (("linux/arm64/v8",), "b"),
        (("linux/arm/v7",), "d"),
        (("linux/arm/v8",), "d"),  # an older variant serves, the newest of them
        (("linux/arm/v6",), "c"),
        (("linux/arm/v5",), ""),  # a newer one does not
        (("linux/amd64/v3", "linux/arm64/v8"), "ab"),
        (("linux/riscv64",), ""),
    ],
)
def test_the_best_of_what_is_listed_serves(wanted: tuple[str, ...], digests: str) -> None:
    assert "".join(chosen(LISTED, wanted)) == digests


def test_all_that_is_listed_for_the_platform_is_chosen() -> None:
    windows = {"x": "windows/amd64", "y": "windows/amd64", "z": "linux/amd64"}
    assert chosen(windows, ["windows/amd64/v1"]) == {"x": "windows/amd64", "y": "windows/amd64"}
