"""Queries, read raw: the six parameters that mean something here, each at most once."""

from __future__ import annotations

import pytest

from mirror.errors import Code, Malformed
from mirror.oci.endpoint import Query, parse_query

QUERIES = [
    ("", Query()),
    ("ns=docker.io", Query(ns="docker.io")),
    ("ns=quay.io%3A443", Query(ns="quay.io:443")),
    ("ns=quay.io%3a443&n=5", Query(ns="quay.io:443", n=5)),
    ("n=0", Query(n=0)),
    ("n=007", Query(n=7)),
    (f"n={'9' * 200}", Query(n=10**19)),
    ("last=v1.2&n=10", Query(n=10, last="v1.2")),
    ("last=", Query()),
    ("ns=", Query()),
    ("ns", Query()),
    ("artifactType=application/vnd.example+json", Query(artifact_type="application/vnd.example+json")),
    ("artifactType=application%2Fvnd.example%2Bjson", Query(artifact_type="application/vnd.example+json")),
    ("q=alpine&n=25", Query(term="alpine", n=25)),
    ("q=two+words%2B&page=3", Query(term="two words+", page=3)),
    ("q=ghcr.io%2Fowner%2Fname", Query(term="ghcr.io/owner/name")),
    ("q=&page=0", Query(page=0)),
    ("last=a+b", Query(last="a+b")),
    ("&&ns=a&&", Query(ns="a")),
    ("NS=a&N=x&x&y=%zz&=&%6es=b", Query()),
    ("x=1&x=2&ns=a", Query(ns="a")),
    ("last=a=b", Query(last="a=b")),
    ("&".join(["x=1"] * 64), Query()),
]


@pytest.mark.parametrize(("raw", "query"), QUERIES)
def test_a_query_is_the_parameters_that_are_known(raw: str, query: Query) -> None:
    assert parse_query(raw) == query


@pytest.mark.parametrize(
    "raw",
    [
        "ns=a&ns=b",
        "ns=a&ns=a",
        "ns=a&ns=",
        "ns&ns=a",
        "n=1&n=1",
        "last=a&last=a",
        "artifactType=a&artifactType=b",
        "q=a&q=b",
        "page=1&page=1",
        "q=%00",
        f"q={'a' * 513}",
        "ns=%",
        "ns=%3",
        "ns=%zz",
        "ns=%u0041",
        "ns=%00",
        "ns=a%0d%0ab",
        "ns=a%7f",
        "ns=%ff",
        "ns=%c3%a4",
        "ns=\u00e4",
        "ns=\x00",
        "ns=\ud800",
        "last=%1b[31m",
        f"ns={'a' * 513}",
        "x" * 8193,
        "&".join(["x=1"] * 65),
    ],
)
def test_a_query_that_can_be_read_in_two_ways_or_none_is_refused(raw: str) -> None:
    with pytest.raises(Malformed) as refusal:
        parse_query(raw)
    assert refusal.value.code is Code.BAD_REQUEST


@pytest.mark.parametrize("n", ["", "-1", "+1", "1.0", "1e3", "0x1", "one", "%31 ", "1_0", "9" * 257])
def test_a_page_size_that_is_no_number_is_refused(n: str) -> None:
    for key in ("n", "page"):
        with pytest.raises(Malformed) as refusal:
            parse_query(f"{key}={n}")
        assert refusal.value.code is Code.PAGINATION_NUMBER_INVALID
