"""Ranges, against RFC 9110 section 14 and an oracle that indexes every byte."""

from __future__ import annotations

import pytest

from mirror.errors import Code, Malformed
from mirror.oci import byte_range
from mirror.oci.byte_range import ByteRange, Span

IGNORED = [
    "",
    "bytes",
    "bytes=",
    "bytes=-",
    "bytes=--1",
    "bytes=1",
    "bytes=a-b",
    "bytes=0-x",
    "bytes=5-4",
    "bytes=10-9",
    f"bytes={'9' * 30}-5",
    "bytes=0-1,2-3",
    "bytes=0-0,-1",
    "bytes=0-0,",
    "bytes= 0-1",
    "bytes =0-1",
    "bytes=0 -1",
    "bytes=0-1 ",
    " bytes=0-1",
    "bytes:0-1",
    "bytes 0-1",
    "bytes=0-1\n",
    "bytes=+0-1",
    "bytes=0x0-1",
    "bytes=1e3-",
    "bytes=0--1",
    "items=0-1",
    "seconds=0-1",
    "none",
    "bytes=\N{ARABIC-INDIC DIGIT ONE}-",
    "bytes=0-\N{FULLWIDTH DIGIT ONE}",
    "byte\N{LATIN SMALL LETTER LONG S}=0-1",
    "bytes=0-1;q=1",
    "bytes=\x00-1",
]

ASKED = [
    ("bytes=0-0", ByteRange(first=0, last=0)),
    ("bytes=0-499", ByteRange(first=0, last=499)),
    ("bytes=500-", ByteRange(first=500)),
    ("bytes=-500", ByteRange(suffix=500)),
    ("bytes=-0", ByteRange(suffix=0)),
    ("BYTES=1-2", ByteRange(first=1, last=2)),
    ("Bytes=7-7", ByteRange(first=7, last=7)),
    ("bytes=0000000000000000000000000000000001-02", ByteRange(first=1, last=2)),
]


def test_no_header_asks_for_the_whole() -> None:
    assert byte_range.parse() is None


@pytest.mark.parametrize("header", IGNORED)
def test_what_is_not_one_range_in_bytes_asks_for_the_whole(header: str) -> None:
    assert byte_range.parse(header) is None


@pytest.mark.parametrize(("header", "asked"), ASKED)
def test_one_range_in_bytes_is_what_was_asked(header: str, asked: ByteRange) -> None:
    assert byte_range.parse(header) == asked


@pytest.mark.parametrize("size", range(5))
def test_every_small_range_means_the_bytes_that_the_rfc_says(size: int) -> None:
    content = bytes(range(size))
    bounds = range(6)
    asked = [(f"bytes={a}-{b}", content[a : b + 1]) for a in bounds for b in bounds if a <= b]
    asked += [(f"bytes={a}-", content[a:]) for a in bounds]
    asked += [(f"bytes=-{n}", content[-n:] if n else b"") for n in bounds]
    for header, expected in asked:
        wanted = byte_range.parse(header)
        assert wanted is not None
        if expected:
            span = byte_range.resolve(wanted, size)
            assert content[span.start : span.stop] == expected
            assert len(span) == len(expected)
        else:
            with pytest.raises(Malformed) as refusal:
                byte_range.resolve(wanted, size)
            assert refusal.value.code is Code.RANGE_INVALID


@pytest.mark.parametrize("digits", [19, 20, 400, 5000])
def test_a_huge_first_position_is_unsatisfiable_and_a_huge_last_one_is_the_end(digits: int) -> None:
    huge = "9" * digits
    beyond = byte_range.parse(f"bytes={huge}-")
    assert beyond is not None
    with pytest.raises(Malformed):
        byte_range.resolve(beyond, 2**63 - 1)
    to_the_end = byte_range.parse(f"bytes=1-{huge}")
    assert to_the_end is not None
    assert byte_range.resolve(to_the_end, 10) == Span(1, 10)
    all_of_it = byte_range.parse(f"bytes=-{huge}")
    assert all_of_it is not None
    assert byte_range.resolve(all_of_it, 10) == Span(0, 10)
    both = byte_range.parse(f"bytes={huge}-{huge}")
    assert both is not None
    with pytest.raises(Malformed):
        byte_range.resolve(both, 10)


def test_the_answers_headers_name_the_last_byte_and_the_size() -> None:
    assert byte_range.content_range(Span(0, 1), 1) == "bytes 0-0/1"
    assert byte_range.content_range(Span(5, 10), 20) == "bytes 5-9/20"
    assert byte_range.unsatisfied(20) == "bytes */20"


@pytest.mark.parametrize(
    ("header", "parsed"),
    [
        ("bytes 0-0/1", (0, 0, 1)),
        ("bytes 5-9/20", (5, 9, 20)),
        ("Bytes 5-9/*", (5, 9, None)),
        ("bytes 0-9223372036854775806/9223372036854775807", (0, 2**63 - 2, 2**63 - 1)),
    ],
)
def test_an_upstreams_content_range_is_read(header: str, parsed: tuple[int, int, int | None]) -> None:
    assert byte_range.parse_content_range(header) == parsed


def test_what_we_say_of_a_part_is_read_back() -> None:
    assert byte_range.parse_content_range(byte_range.content_range(Span(3, 8), 9)) == (3, 7, 9)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "bytes",
        "bytes */20",
        "bytes 0-0",
        "bytes 0-0/",
        "bytes 5-4/20",
        "bytes 0-20/20",
        "bytes 0-0/0",
        "bytes=0-0/1",
        "bytes  0-0/1",
        "bytes 0-0/1\r\n",
        "bytes 0-0/-1",
        "bytes -1-0/1",
        "items 0-0/1",
        f"bytes 0-{2**63}/*",
        f"bytes 0-0/{2**63}",
        f"bytes 0-{'9' * 20}/*",
        f"bytes 0-0/{'9' * 5000}",
        "bytes 0-\N{ARABIC-INDIC DIGIT ONE}/9",
        "bytes 0-0/1, bytes 2-3/4",
    ],
)
def test_any_other_content_range_is_refused(header: str) -> None:
    with pytest.raises(Malformed) as refusal:
        byte_range.parse_content_range(header)
    assert refusal.value.code is Code.BAD_UPSTREAM


def test_a_range_is_served_without_if_range_and_with_the_strong_tag_that_we_hold() -> None:
    assert byte_range.if_range_matches(None, '"sha256:00"')
    assert byte_range.if_range_matches('"sha256:00"', '"sha256:00"')


@pytest.mark.parametrize(
    ("header", "etag"),
    [
        ('"sha256:01"', '"sha256:00"'),
        ('W/"sha256:00"', '"sha256:00"'),
        ('W/"sha256:00"', 'W/"sha256:00"'),
        ("sha256:00", "sha256:00"),
        ("Sat, 29 Oct 1994 19:43:31 GMT", '"sha256:00"'),
        ('"sha256:00", "sha256:01"', '"sha256:00"'),
        ("*", '"sha256:00"'),
        ("", '"sha256:00"'),
    ],
)
def test_any_other_if_range_asks_for_the_whole(header: str, etag: str) -> None:
    assert not byte_range.if_range_matches(header, etag)
