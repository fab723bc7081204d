"""Whatever the parsers of `oci` are given, they return a value or raise Malformed, and what they return is sound."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
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
from mirror.oci.reference import parse_reference, parse_repository, parse_tag
from mirror.oci.referrers import parse_referrers, written
from mirror.oci.schema1 import schema1_payload
from tests.support.hostile_documents import DESCRIPTORS, TYPES, VALUES, bodies, disturbed
from tests.support.hostile_text import ACCEPTS, CHALLENGES, CONTENT_RANGES, LINKS, NAMES, PATHS, QUERIES, RANGES

T = TypeVar("T")


fuzz = settings(max_examples=150, deadline=None, database=None)


def result(parser: Callable[[], T]) -> T | Malformed:
    """What the parser returned or refused with; any other exception is the failure that is looked for."""
    try:
        return parser()
    except Malformed as refusal:
        return refusal


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
        assert target in ("/v2", "/v2/", "/v2/_catalog", "/v1/_ping", "/v1/search")


@fuzz
@given(QUERIES)
def test_a_query_is_visible_ascii_or_malformed(raw: str) -> None:
    parsed = result(lambda: endpoint.parse_query(raw))
    if isinstance(parsed, Malformed):
        assert parsed.code in (Code.BAD_REQUEST, Code.PAGINATION_NUMBER_INVALID)
        return
    for value in (parsed.ns, parsed.last, parsed.artifact_type, parsed.term):
        assert value is None or (value.isascii() and value.isprintable() and value)
    assert parsed.n is None or 0 <= parsed.n <= 10**19
    assert parsed.page is None or 0 <= parsed.page <= 10**19


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
    query = result(lambda: pagination.next_query(headers))
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
    assert media_types.may_be_a_manifests(parsed.media_type)
    assert (parsed.media_type in media_types.MANIFEST_TYPES) or parsed.kind is Kind.OTHER
    assert document.get("mediaType") in (None, "", parsed.media_type)
    assert parsed.kind is Kind.INDEX or not parsed.manifests
    assert parsed.kind in (Kind.IMAGE, Kind.ARTIFACT) or not parsed.blobs
    assert not ("manifests" in document and "layers" in document)


@fuzz
@given(bodies() | st.binary(), TYPES | st.just(media_types.OCI_INDEX))
def test_a_list_of_referrers_is_written_as_it_was_read_or_malformed(body: bytes, content_type: str | None) -> None:
    parsed = result(lambda: parse_referrers(body, content_type))
    if isinstance(parsed, Malformed):
        assert parsed.code is Code.BAD_UPSTREAM
        return
    assert {one.digest for one in parsed} == {entry["digest"] for entry in json.loads(body)["manifests"] or ()}
    assert parse_referrers(written(parsed), None) == parsed


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
