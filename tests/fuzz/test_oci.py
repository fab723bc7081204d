"""Whatever the parsers of `oci` are given, they return a value or raise Malformed, and what they return is sound."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from mirror.errors import Code, Malformed
from mirror.oci import byte_range, challenge, endpoint, media_types, pagination
from mirror.oci.descriptor import Descriptor
from mirror.oci.digest import Digest
from mirror.oci.document import parse_object
from mirror.oci.manifest import Kind, classify
from mirror.oci.reference import REPOSITORY, TAG, parse_reference, parse_repository, parse_tag
from mirror.oci.schema1 import schema1_payload

T = TypeVar("T")
Text = st.SearchStrategy[str]

HEX = "0123456789abcdef" * 4

fuzz = settings(max_examples=250, deadline=None, database=None)


def result(parser: Callable[[], T]) -> T | Malformed:
    """What the parser returned or refused with; any other exception is the failure that is looked for."""
    try:
        return parser()
    except Malformed as refusal:
        return refusal


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
    [":", "/", ".", "..", "_", "-", "@", "%", "\n", "\x00", "A", "sha256:", "sha384:", HEX[:8], "\u0661", "\ud800"],
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
        r"""(?:Bearer|Basic) realm=(?:"[!#-\[\]-~]{0,9}"|[!#-+.-~]{1,9})(?:, ?(?:service|scope)=(?:"[ -!,]{0,5}"|[a-z]))?"""
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

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([f"sha256:{HEX}", "sha256:00", "blake3:00", 1, 2, *sorted(media_types.MANIFEST_TYPES)])
)
MEMBERS = st.sampled_from(
    ["schemaVersion", "mediaType", "config", "layers", "manifests", "blobs", "subject", "fsLayers", "signatures"]
) | st.sampled_from(["digest", "size", "urls", "protected", "formatLength", "Layers", "MEDIATYPE"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS | st.text(max_size=4), inner, max_size=6),
)
DESCRIPTORS = st.fixed_dictionaries(
    {
        "digest": st.sampled_from([f"sha256:{HEX}", f"sha512:{HEX}{HEX}", "blake3:00"]),
        "size": st.integers(0, 2**63 - 1),
    },
    optional={"mediaType": st.sampled_from(["a/b", ""]), "urls": VALUES},
)
LISTS = st.lists(DESCRIPTORS, max_size=2)
SUBJECT = {"subject": DESCRIPTORS, "annotations": VALUES}
IMAGES = st.fixed_dictionaries(
    {"schemaVersion": st.just(2), "config": DESCRIPTORS},
    optional={"layers": LISTS, "mediaType": st.sampled_from(sorted(media_types.IMAGE_TYPES)), **SUBJECT},
)
INDEXES = st.fixed_dictionaries(
    {"schemaVersion": st.just(2), "manifests": LISTS},
    optional={"mediaType": st.sampled_from(sorted(media_types.INDEX_TYPES)), **SUBJECT},
)
ARTIFACTS = st.fixed_dictionaries(
    {"mediaType": st.just(media_types.OCI_ARTIFACT)}, optional={"blobs": LISTS, **SUBJECT}
)
SCHEMA_1 = st.fixed_dictionaries({"schemaVersion": st.just(1), "fsLayers": VALUES}, optional={"signatures": VALUES})
DOCUMENTS = IMAGES | INDEXES | ARTIFACTS | SCHEMA_1


@st.composite
def disturbed(draw: st.DrawFn, sound: st.SearchStrategy[dict[str, object]]) -> dict[str, object]:
    """A sound object, of which one member may be something else or missing, or which has one more."""
    document = dict(draw(sound))
    change = draw(st.sampled_from(["none", "none", "missing", "other"]))
    member = draw(st.sampled_from(sorted(document)) | MEMBERS)
    if change == "missing":
        document.pop(member, None)
    elif change == "other":
        document[member] = draw(VALUES | LISTS)
    return document


TYPES = st.none() | st.sampled_from(["application/json", *sorted(media_types.MANIFEST_TYPES)]) | ACCEPTS


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """A document, of which some bytes may be others, or missing, or there twice."""
    body = bytearray(json.dumps(draw(disturbed(DOCUMENTS) | disturbed(DOCUMENTS) | VALUES)).encode())
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        start, length = draw(st.integers(0, len(body))), draw(st.integers(0, 8))
        body[start : start + length] = draw(st.binary(max_size=3) | st.just(bytes(body[start : start + length]) * 2))
    return bytes(body)


@fuzz
@given(NAMES)
def test_names_are_what_they_were_written_as_or_malformed(text: str) -> None:
    for parsed in (
        result(lambda: parse_repository(text)),
        result(lambda: parse_tag(text)),
        result(lambda: Digest.parse(text)),
    ):
        assert isinstance(parsed, Malformed) or str(parsed) == text
    reference = result(lambda: parse_reference(text))
    if not isinstance(reference, Malformed):
        assert str(reference) == text
        assert isinstance(reference, Digest) == (":" in text)


@fuzz
@given(PATHS)
def test_a_path_means_one_endpoint_that_spells_it_or_is_malformed(target: str) -> None:
    parsed = result(lambda: endpoint.parse(target))
    if isinstance(parsed, endpoint.RepositoryEndpoint):
        assert parse_repository(parsed.repository) == parsed.repository
        assert target.startswith(f"/v2/{parsed.name}/")
        assert ".." not in target
        assert target.count("%") <= 1
        assert target.isascii()
    elif isinstance(parsed, Malformed):
        assert 400 <= parsed.code.status < 500
    else:
        assert target in ("/v2", "/v2/", "/v2/_catalog")


@fuzz
@given(QUERIES)
def test_a_query_is_visible_ascii_or_malformed(raw: str) -> None:
    parsed = result(lambda: endpoint.parse_query(raw))
    if isinstance(parsed, Malformed):
        assert parsed.code in (Code.BAD_REQUEST, Code.PAGINATION_NUMBER_INVALID)
        return
    for value in (parsed.ns, parsed.last, parsed.artifact_type):
        assert value is None or (value.isascii() and value.isprintable() and value)
    assert parsed.n is None or 0 <= parsed.n <= 10**19


@fuzz
@given(RANGES, st.integers(0, 12))
def test_a_range_lies_within_the_content_or_is_malformed(header: str, size: int) -> None:
    asked = byte_range.parse(header)
    if asked is None:
        return
    span = result(lambda: byte_range.resolve(asked, size))
    if isinstance(span, Malformed):
        assert span.code is Code.RANGE_INVALID
    else:
        assert 0 <= span.start < span.stop <= size
        assert byte_range.parse_content_range(byte_range.content_range(span, size)) == (span.start, span.stop - 1, size)


@fuzz
@given(CONTENT_RANGES, ACCEPTS)
def test_what_an_upstream_says_of_a_part_is_consistent_or_malformed(header: str, etag: str) -> None:
    parsed = result(lambda: byte_range.parse_content_range(header))
    if not isinstance(parsed, Malformed):
        first, last, size = parsed
        assert 0 <= first <= last
        assert size is None or last < size
    assert byte_range.if_range_matches(header, etag) <= (header == etag)


@fuzz
@given(st.lists(CHALLENGES, max_size=4))
def test_challenges_are_printable_or_malformed(values: list[str]) -> None:
    parsed = result(lambda: challenge.parse(values))
    if isinstance(parsed, Malformed):
        return
    for found in parsed:
        assert found.scheme == found.scheme.lower()
        assert found.scheme.isascii()
        assert all(name == name.lower() and value.isprintable() for name, value in found.parameters.items())


@fuzz
@given(st.lists(LINKS, max_size=3))
def test_a_next_page_is_a_query_or_malformed(headers: list[str]) -> None:
    for header in headers:
        target = result(partial(pagination.parse_link, header))
        assert target is None or isinstance(target, Malformed) or f"<{target}>" in header
    query = result(lambda: pagination.next_query(headers, "https://h/v2/a/tags/list?n=1"))
    assert query is None or isinstance(query, Malformed) or query


@fuzz
@given(st.text(), st.none() | st.integers(0), st.text(), st.none() | st.text())
def test_our_own_link_can_be_followed_whatever_is_in_it(path: str, n: int | None, last: str, ns: str | None) -> None:
    header = pagination.link_header(f"/{path}", n, last, ns)
    assert header.isascii()
    assert header.isprintable()
    target = pagination.parse_link(header)
    assert target is not None
    assert target.count("?") == 1


@fuzz
@given(st.lists(ACCEPTS, max_size=4), st.sampled_from(sorted(media_types.MANIFEST_TYPES)))
def test_accept_never_raises_and_an_exact_type_is_accepted(headers: list[str], media_type: str) -> None:
    assert media_types.accepts([*headers, media_type], media_type)
    assert media_types.accepts([*headers, "not a range"], media_type)
    assert media_types.bare(media_type + "".join(f";{header}" for header in headers)) == media_type


@fuzz
@given(bodies() | st.binary())
def test_a_document_is_what_json_reads_or_malformed(body: bytes) -> None:
    parsed = result(lambda: parse_object(body, ("layers",)))
    if not isinstance(parsed, Malformed):
        assert repr(parsed) == repr(json.loads(body))


@fuzz
@given(disturbed(DESCRIPTORS) | VALUES)
def test_a_descriptor_is_within_its_bounds_or_malformed(document: object) -> None:
    parsed = result(lambda: Descriptor.parse(document))
    if isinstance(parsed, Malformed):
        assert parsed.code in (Code.BAD_UPSTREAM, Code.DIGEST_INVALID)
    else:
        assert 0 <= parsed.size < 2**63
        assert parsed.media_type.isascii()


@fuzz
@given(bodies() | st.binary(), TYPES)
def test_a_manifest_is_of_one_kind_or_malformed(body: bytes, content_type: str | None) -> None:
    parsed = result(lambda: classify(body, content_type))
    if isinstance(parsed, Malformed):
        assert parsed.code is Code.BAD_UPSTREAM
        return
    document = json.loads(body)
    assert parsed.media_type in media_types.MANIFEST_TYPES
    assert document.get("mediaType") in (None, "", parsed.media_type)
    assert parsed.kind is Kind.INDEX or not parsed.manifests
    assert parsed.kind in (Kind.IMAGE, Kind.ARTIFACT) or not parsed.blobs
    assert not ("manifests" in document and "layers" in document)


@fuzz
@given(bodies() | st.binary(), st.data())
def test_a_payload_says_what_the_manifest_says_without_its_signatures(body: bytes, data: st.DataObject) -> None:
    plain = result(lambda: schema1_payload(body))
    assert isinstance(plain, Malformed) or plain == body
    payload = b'{"schemaVersion": 1, "fsLayers": [{}, []], "x": "\\u20ac"}'
    length = data.draw(st.integers(0, len(payload) + 2) | st.just(len(payload) - 1))
    tail = data.draw(st.sampled_from(["fQ", "fQo", "IH0", "", "XQ", "fX0"]))
    header = (
        base64.urlsafe_b64encode(json.dumps({"formatLength": length, "formatTail": tail}).encode()).decode().rstrip("=")
    )
    at = data.draw(st.sampled_from([len(payload) - 1, length]))
    signed = payload[:at] + b', "signatures": ' + json.dumps([{"protected": header}]).encode() + payload[at:]
    found = result(lambda: schema1_payload(signed))
    if not isinstance(found, Malformed):
        expected = json.loads(signed)
        del expected["signatures"]
        assert json.loads(found) == expected
