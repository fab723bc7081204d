"""Which hosts a pattern stands for, and which patterns an operator may write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.config.patterns import best, is_pattern, matches, parse_upstream_name


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("*.pkg.dev", "*.pkg.dev"),
        (" *.Azurecr.IO ", "*.azurecr.io"),
        ("*.dkr.ecr.*.amazonaws.com", "*.dkr.ecr.*.amazonaws.com"),
        ("*-docker.pkg.dev", "*-docker.pkg.dev"),
        ("*.registry.example:8443", "*.registry.example:8443"),
        ("ghcr.io", "ghcr.io"),
    ],
)
def test_a_pattern_keeps_its_last_two_labels(written: str, name: str) -> None:
    assert parse_upstream_name(written) == name


@pytest.mark.parametrize(
    "written",
    [
        *("*", "*.", "*.*", "*.io", "*.com:5000", "a.*.io", "a.b.*", "**.pkg.dev", "*.pkg.dev:*", "*.0.0.1"),
        *("*..pkg.dev", "*.pkg.dev/path", "https://*.pkg.dev", "*_.pkg.dev", "[*]:5000", "-*.pkg.dev"),
        *("*.pkg.dev:0", "*.pkg.dev."),
    ],
)
def test_a_pattern_that_could_mean_anybody_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="not a pattern of hosts"):
        parse_upstream_name(written)


@pytest.mark.parametrize(
    ("pattern", "host", "expected"),
    [
        ("*.pkg.dev", "europe-docker.pkg.dev", True),
        ("*.pkg.dev", "pkg.dev", False),
        ("*.pkg.dev", ".pkg.dev", False),
        ("*.pkg.dev", "a.b.pkg.dev", False),
        ("*.pkg.dev", "a.pkg.dev:443", False),
        ("*.pkg.dev", "a.pkg.dev.evil.example", False),
        ("*.pkg.dev", "evilpkg.dev", False),
        ("*.pkg.dev", "apkg.dev", False),
        ("*.pkg.dev", "a.pkg-dev", False),
        ("*.pkg.dev", "-a.pkg.dev", False),
        ("*.pkg.dev", "a-.pkg.dev", False),
        ("*.pkg.dev", "a.pkg.dev\n", False),
        ("*.pkg.dev", "A.pkg.dev", False),
        ("*.pkg.dev", f"{'a' * 63}.pkg.dev", True),
        ("*.pkg.dev", f"{'a' * 64}.pkg.dev", False),
        ("*-docker.pkg.dev", "europe-docker.pkg.dev", True),
        ("*-docker.pkg.dev", "-docker.pkg.dev", False),
        ("*-docker.pkg.dev", "europe-python.pkg.dev", False),
        ("*.dkr.ecr.*.amazonaws.com", "123456789012.dkr.ecr.eu-west-1.amazonaws.com", True),
        ("*.dkr.ecr.*.amazonaws.com", "123456789012.dkr.ecr.eu.west.amazonaws.com", False),
        ("*.registry.example:8443", "a.registry.example:8443", True),
        ("*.registry.example:8443", "a.registry.example", False),
    ],
)
def test_a_star_is_one_label_or_a_part_of_it(pattern: str, host: str, expected: bool) -> None:
    assert matches(pattern, host) is expected


def test_of_several_patterns_the_one_that_says_most_of_the_host_is_meant() -> None:
    patterns = ["*.pkg.dev", "*-docker.pkg.dev", "europe-*.pkg.dev"]
    assert best(patterns, "europe-docker.pkg.dev") == "*-docker.pkg.dev"
    assert best(patterns, "us-docker.pkg.dev") == "*-docker.pkg.dev"
    assert best(patterns, "europe-python.pkg.dev") == "europe-*.pkg.dev"
    assert best(patterns, "us-python.pkg.dev") == "*.pkg.dev"
    assert best(["a-*.pkg.dev", "*-b.pkg.dev"], "a-b.pkg.dev") == "a-*.pkg.dev"
    assert best(patterns, "ghcr.io") is None


@given(st.text(alphabet="a1.*-:[]/@ ", max_size=24))
def test_whatever_is_a_pattern_matches_no_host_of_another_end(text: str) -> None:
    try:
        name = parse_upstream_name(text)
    except ValueError:
        return
    if is_pattern(name):
        assert not matches(name, f"{name.replace('*', 'x')}.evil.example")
        assert matches(name, name.replace("*", "x"))
