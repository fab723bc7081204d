"""Repository names, tags and Docker's rule for registries, against the specification's grammar."""

from __future__ import annotations

import pytest

from mirror.errors import Code, Malformed
from mirror.oci.digest import Digest
from mirror.oci.reference import names_registry, parse_reference, parse_repository, parse_tag

REPOSITORIES = [
    "a",
    "0",
    "alpine",
    "library/alpine",
    "a/b/c/d/e",
    "a.b",
    "a_b",
    "a__b",
    "a-b",
    "a---b",
    "foo.bar-baz_qux__quux/1-2.3",
    "manifests",
    "a/blobs/b",
    "tags/list",
    "a" * 255,
    "/".join(["a"] * 128),
]

NOT_REPOSITORIES = [
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    "A",
    "aB",
    "a/B",
    ".a",
    "a.",
    "-a",
    "a-",
    "_a",
    "a_",
    "a..b",
    "a___b",
    "a._b",
    "a-.b",
    "a_-b",
    ".",
    "..",
    "a/../b",
    "a/./b",
    "a/..",
    "a b",
    "a\tb",
    "a\n",
    "a/b\n",
    "a\x00",
    "a%2fb",
    "a%2Fb",
    "a:b",
    "a@b",
    "a+b",
    "a~b",
    "a\\b",
    "a?b",
    "a#b",
    "a" * 256,
    "/".join(["a"] * 129),
    "\u00e4",
    "a\N{ARABIC-INDIC DIGIT ONE}",
    "\N{KELVIN SIGN}a",
    "a\u2028b",
    "\ud800",
]

TAGS = ["a", "A", "0", "_", "_a", "latest", "v1.2.3-rc_1", "1.", "a" * 128, "sha256-0123.sig"]

NOT_TAGS = [
    "",
    ".",
    "..",
    "-",
    ".a",
    "-a",
    ".INVALID_MANIFEST_NAME",
    "a" * 129,
    "a/b",
    "a b",
    "a\n",
    "a\x00",
    "a:b",
    "a@b",
    "a+b",
    "a%20",
    "\u00e4",
    "a\N{FULLWIDTH DIGIT ONE}",
    "\ud800",
]


@pytest.mark.parametrize("text", REPOSITORIES)
def test_a_name_of_the_grammar_is_a_repository(text: str) -> None:
    assert parse_repository(text) == text


@pytest.mark.parametrize("text", NOT_REPOSITORIES)
def test_any_other_name_is_refused(text: str) -> None:
    with pytest.raises(Malformed) as refusal:
        parse_repository(text)
    assert refusal.value.code is Code.NAME_INVALID


@pytest.mark.parametrize("text", NOT_REPOSITORIES)
def test_only_of_a_name_with_capitals_it_is_said_that_names_have_none(text: str) -> None:
    with pytest.raises(Malformed) as refusal:
        parse_repository(text)
    assert ("lower case" in str(refusal.value)) == (text in ("A", "aB", "a/B"))


@pytest.mark.parametrize("text", TAGS)
def test_a_tag_of_the_grammar_is_a_reference(text: str) -> None:
    assert parse_tag(text) == text
    assert parse_reference(text) == text


@pytest.mark.parametrize("text", NOT_TAGS)
def test_any_other_tag_is_refused(text: str) -> None:
    with pytest.raises(Malformed) as refusal:
        parse_tag(text)
    assert refusal.value.code is Code.TAG_INVALID


def test_a_reference_with_a_colon_is_a_digest() -> None:
    digest = Digest.of(b"")
    assert parse_reference(str(digest)) == digest


@pytest.mark.parametrize("text", [":", "latest:", "sha256:0", "sha384:00", "tag:tag"])
def test_a_reference_with_a_colon_is_never_a_tag(text: str) -> None:
    with pytest.raises(Malformed) as refusal:
        parse_reference(text)
    assert refusal.value.code is Code.DIGEST_INVALID


@pytest.mark.parametrize("component", ["a.b", "localhost", "localhost:5000", "a:1", "127.0.0.1", "[::1]", ".", ":"])
def test_a_component_with_a_dot_or_a_colon_or_localhost_names_a_registry(component: str) -> None:
    assert names_registry(component)


@pytest.mark.parametrize("component", ["", "a", "library", "localhosts", "a-b", "Localhost"])
def test_any_other_component_is_part_of_a_repository(component: str) -> None:
    assert not names_registry(component)
