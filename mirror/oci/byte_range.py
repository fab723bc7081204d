"""Ranges of bytes: what was asked (`ByteRange`) and what it means for a size (`Span`). Knows no file and no body.

RFC 9110 section 14. One range is served; a server may ignore the others, and answering with everything is
always right.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mirror.errors import Code, Malformed
from mirror.oci.descriptor import SIZE_LIMIT

_one_range = re.compile(r"bytes=(?:([0-9]+)-([0-9]*)|-([0-9]+))", re.ASCII | re.IGNORECASE).fullmatch
_content_range = re.compile(
    r"bytes[ ]([0-9]{1,19})-([0-9]{1,19})/(?:([0-9]{1,19})|\*)", re.ASCII | re.IGNORECASE
).fullmatch
_entity_tag = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"').fullmatch

_DIGITS = 19
_BEYOND = 10**_DIGITS  # larger than any file: positions of more digits are as good as this one


@dataclass(frozen=True, slots=True)
class ByteRange:
    """What a client asked for: from `first` to `last` (included; None: to the end), or the last `suffix` bytes."""

    first: int | None = None
    last: int | None = None
    suffix: int | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes from `start` up to, without, `stop`."""

    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


def parse(*lines: str) -> ByteRange | None:
    """What a request's `Range` asks for. None means the whole: no such line, several lines or ranges, another unit, or
    nonsense.

    Section 14.2 lets a server ignore each of these, and a client must cope with 200. Never raises.
    """
    found = _one_range(lines[0]) if len(lines) == 1 else None
    if found is None:
        return None
    first, last, suffix = found.groups()
    if suffix is not None:
        return ByteRange(suffix=_position(suffix))
    asked = ByteRange(first=_position(first), last=_position(last) if last else None)
    # A last position before the first makes the header invalid (section 14.1.1), not unsatisfiable.
    return None if asked.last is not None and asked.last < _position(first) else asked


def resolve(asked: ByteRange, size: int) -> Span:
    """The bytes of a content of `size` bytes that were asked for; Malformed (RANGE_INVALID) when there are none."""
    if asked.suffix is not None:
        start, stop = max(0, size - asked.suffix), size
    else:
        start = asked.first or 0
        stop = size if asked.last is None else min(size, asked.last + 1)
    if start >= stop:
        raise Malformed("the range lies outside the content", code=Code.RANGE_INVALID)
    return Span(start, stop)


def content_range(span: Span, size: int) -> str:
    """`Content-Range` of a 206 that carries `span` of `size` bytes."""
    return f"bytes {span.start}-{span.stop - 1}/{size}"


def unsatisfied(size: int) -> str:
    """`Content-Range` of a 416 for a content of `size` bytes."""
    return f"bytes */{size}"


def parse_content_range(header: str) -> tuple[int, int, int | None]:
    """First and last position (included) and the whole size (None: `*`) of a 206; Malformed (BAD_UPSTREAM)."""
    found = _content_range(header)
    if found is None:
        raise Malformed("not the Content-Range of one part in bytes", code=Code.BAD_UPSTREAM)
    first, last = int(found[1]), int(found[2])
    size = int(found[3]) if found[3] is not None else None
    if not first <= last < (SIZE_LIMIT if size is None else size) <= SIZE_LIMIT:
        raise Malformed("a Content-Range that lies outside its own size", code=Code.BAD_UPSTREAM)
    return first, last, size


def if_range_matches(header: str | None, etag: str) -> bool:
    """Whether the range may be served: no `If-Range`, or the strong entity tag of what we hold (section 13.1.5).

    A date never matches: content named by its digest has no date that means anything. `etag` is quoted.
    """
    return header is None or (header == etag and _entity_tag(etag) is not None)


def _position(digits: str) -> int:
    """A position, without letting a client make us compute with thousands of digits (which `int` refuses anyway)."""
    significant = digits.lstrip("0")
    return int(significant or "0") if len(significant) <= _DIGITS else _BEYOND
