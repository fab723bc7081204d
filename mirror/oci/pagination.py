"""`Link` headers of paged lists: what an upstream says of its next page, and what we say of ours. Follows nothing.

RFC 8288. Of an upstream's target the query alone is read: behind proxies its scheme, host and path are often wrong, and
where the next page is asked for is for us to say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, quote

from mirror.errors import Code, Malformed

HEADER_LENGTH = 8192
HEADERS = 16
PARAMETERS = 32  # of the next page's query

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # a token, RFC 9110 section 5.6.2
_VALUE = r'"(?:[^"\\]|\\.)*"|[^\x00-\x20\x7f",;]*'
# Possessive, because blanks that could be shared out in many ways would cost the square of their number.
_BLANKS = r"[ \t]*+"
_PARAMETER = rf"{_BLANKS};{_BLANKS}(?:{_NAME}{_BLANKS}(?:={_BLANKS}(?:{_VALUE}))?)?"
_link = re.compile(rf"[ \t,]*+(?:<([^<>]*)>((?:{_PARAMETER})*+){_BLANKS}(?=,|\Z))?", re.ASCII | re.DOTALL).match
_parameters = re.compile(rf";[ \t]*({_NAME})[ \t]*=[ \t]*({_VALUE})", re.ASCII | re.DOTALL).findall
_visible = re.compile(r"[\x21-\x7e]+", re.ASCII).fullmatch


def parse_link(value: str) -> str | None:
    """The target of the first link with the relation `next`; None when there is none. Malformed (BAD_UPSTREAM)."""
    if len(value) > HEADER_LENGTH:
        raise _malformed()
    at = 0
    while at < len(value):
        found = _link(value, at)
        if found is None or found.end() == at:
            raise _malformed()
        target: str | None = found[1]
        if target is not None and _leads_on(found[2]):
            return target
        at = found.end()
    return None


def next_query(link_headers: Sequence[str]) -> Mapping[str, str] | None:
    """The query of the next page, decoded; None when this page is the last one. Malformed (BAD_UPSTREAM)."""
    if len(link_headers) > HEADERS:
        raise _malformed()
    targets = (parse_link(value) for value in link_headers)
    target = next((target for target in targets if target is not None), None)
    return None if target is None else _query(target)


def link_header(path: str, n: int | None, last: str, ns: str | None = None) -> str:
    """Our own `Link` to the page of at most `n` entries after `last`, in the namespace that the client asked for."""
    parameters = [("n", None if n is None else str(n)), ("last", last), ("ns", ns)]
    query = "&".join(f"{key}={_encoded(value)}" for key, value in parameters if value is not None)
    return f'<{quote(path, safe="/:[]", errors="replace")}?{query}>; rel="next"'


def _leads_on(parameters: str) -> bool:
    """Section 3.3: only the first `rel` counts, and it may name several relations."""
    relation = next((value for name, value in _parameters(parameters) if name.lower() == "rel"), "")
    return "next" in relation.strip('"').lower().split()


def _query(target: str) -> Mapping[str, str]:
    if not _visible(target):
        raise _malformed()
    try:
        pairs = parse_qsl(
            target.partition("#")[0].partition("?")[2],
            keep_blank_values=True,
            strict_parsing=True,
            max_num_fields=PARAMETERS,
            errors="strict",
        )
    except ValueError:
        raise _malformed() from None
    query = dict(pairs)
    if not query or len(query) != len(pairs) or not all(f"{key}{value}".isprintable() for key, value in pairs):
        raise _malformed()
    return query


def _encoded(value: str) -> str:
    return quote(value, safe="", errors="replace")


def _malformed() -> Malformed:
    return Malformed("not a Link header that leads to a next page", code=Code.BAD_UPSTREAM)
