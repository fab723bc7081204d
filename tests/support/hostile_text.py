"""Text as an attacker would write it, for each grammar of `oci`: sound, nearly so, in pieces, or anything at all."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from mirror.oci import media_types
from mirror.oci.reference import REPOSITORY, TAG

Text = st.SearchStrategy[str]


@st.composite
def mutated(draw: st.DrawFn, sound: Text, pieces: Sequence[str]) -> str:
    """Something sound into which some pieces were put, over something or between."""
    text = draw(sound)
    for _ in range(draw(st.sampled_from([0, 1, 1, 2]))):
        start = draw(st.integers(0, len(text)))
        stop = min(len(text), start + draw(st.integers(0, 3)))
        text = text[:start] + draw(st.sampled_from(pieces) | st.text(max_size=2)) + text[stop:]
    return text


def hostile(sound: Text, pieces: Sequence[str]) -> Text:
    """What is sound, what is nearly so, many pieces in any order, and anything at all."""
    return sound | mutated(sound, pieces) | st.lists(st.sampled_from(pieces), max_size=12).map("".join) | st.text()


def matching(pattern: str) -> Text:
    return st.from_regex(pattern, fullmatch=True, alphabet=st.characters(codec="ascii"))


def one_of(*texts: str) -> Text:
    return st.sampled_from(texts)


def joined(*parts: Text) -> Text:
    return st.tuples(*parts).map("".join)


HEXADECIMAL = st.text("0123456789abcdef", min_size=64, max_size=64)
COLON = one_of(":", "%3A", "%3a")
DIGEST = joined(st.just("sha256:"), HEXADECIMAL) | joined(st.just("sha512:"), HEXADECIMAL, HEXADECIMAL)
NAME = matching(REPOSITORY)
HOST = one_of("", "", "ghcr.io/", "localhost/", "localhost:5000/", "[::1]:5000/", "127.0.0.1/")
ENCODED_DIGEST = joined(st.just("sha256"), COLON, HEXADECIMAL)

NAMES = hostile(
    NAME | matching(TAG) | DIGEST,
    [":", "/", ".", "..", "_", "-", "@", "%", "\n", "\x00", "A", "sha256:", "sha384:", "0123abcd", "\u0661", "\ud800"],
)
PATHS = hostile(
    joined(st.just("/v2/"), HOST, NAME, st.just("/manifests/"), matching(TAG) | ENCODED_DIGEST)
    | joined(st.just("/v2/"), HOST, NAME, one_of("/blobs/", "/referrers/"), ENCODED_DIGEST)
    | joined(st.just("/v2/"), HOST, NAME, st.just("/tags/list"))
    | one_of("/v2", "/v2/", "/v2/_catalog"),
    [
        "/",
        "//",
        "/v2",
        "/../",
        "/./",
        "%2f",
        "%3A",
        "%00",
        ":",
        "manifests",
        "blobs",
        "tags",
        "list",
        ".",
        "[",
        "]",
        "\n",
    ],
)
QUERIES = hostile(
    joined(
        one_of("ns=", "last=", "artifactType=", "x="),
        matching(r"[!-%'-~]{0,9}"),
        one_of("", "&n=5", "&ns=quay.io%3A443"),
    ),
    [
        "&",
        "=",
        "%",
        "%3A",
        "%00",
        "%ff",
        "ns",
        "n",
        "last",
        "artifactType",
        "9" * 5000,
        "-1",
        ";",
        "+",
        "\x00",
        "\ud800",
    ],
)
RANGES = hostile(
    matching(r"bytes=(?:[0-9]{1,2}-[0-9]{0,2}|-[0-9]{1,2})"),
    ["bytes", "=", "-", ",", " ", "0", "9", "9" * 5000, "/", "*", "\u0661", "W/", '"'],
)
CONTENT_RANGES = hostile(
    matching(r"bytes [0-9]{1,3}-[0-9]{1,3}/(?:[0-9]{1,4}|\*)"),
    ["bytes", "=", "-", ",", " ", "0", "9", "9" * 5000, "/", "*", "\u0661"],
)
CHALLENGES = hostile(
    matching(
        r"""(?:Bearer|Basic) realm=(?:"[!#-\[\]-~]{0,9}"|[!#-+.-~]{1,9})"""
        r"""(?:, ?(?:service|scope)=(?:"[ -!,]{0,5}"|[a-z]))?"""
    )
    | one_of("Negotiate YWJj==", 'Bearer realm="https://h/t",service="s",scope="repository:a:pull,push"'),
    [",", " ", "\t", "=", '"', "\\", "realm", "Bearer", "Basic ", "a", ";", "\n", "\x00", "\u00e4", "\ud800"],
)
LINKS = hostile(
    joined(
        one_of("<", '</first>; rel="first", <'),
        one_of("", "/v2/a/tags/list", "https://h/v2/a/tags/list", "https://h:443/v2/a/tags/list", "https://evil", "//"),
        matching(r"\?last=[a-z0-9&=%]{0,9}"),
        one_of('>; rel="next"', ">;rel=next", '> ; title="a, b" ; rel="prev next"', ">; rel=prev"),
    ),
    [
        "<",
        ">",
        ";",
        ",",
        "=",
        '"',
        "\\",
        " ",
        "rel",
        "next",
        "//evil",
        "http://[",
        "@",
        "?",
        "#",
        "%",
        ":99999",
        "\u2100",
    ],
)
ACCEPTS = hostile(
    one_of(media_types.OCI_INDEX, "*/*", "application/*;q=0", f"{media_types.OCI_INDEX};q=0.5", "text/html, */*;q=0"),
    [",", ";", "q=0", "q=", "/", "*", " ", "\t", '"', "\x00", "\u212a", "\ud800", media_types.OCI_INDEX],
)
