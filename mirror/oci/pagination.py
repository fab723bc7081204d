"""`Link` headers of paged lists: what an upstream says of its next page, and what we say of ours. Follows nothing.

RFC 8288. A target on another origin, or at another path, is an attempt to be led elsewhere, not a page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import SplitResult, parse_qsl, quote, urljoin, urlsplit

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
_visible = re.compile(r"[\x21-\x5b\x5d-\x7e]+", re.ASCII).fullmatch  # without the backslash, which some take for `/`
_PORTS = {"http": 80, "https": 443}


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


def next_query(link_headers: Sequence[str], base_url: str) -> Mapping[str, str] | None:
    """The query of the next page, decoded; None when the page at `base_url` is the last one.

    Malformed (BAD_UPSTREAM) when the target is on another origin or path than `base_url`, or leads back to that page.
    """
    if len(link_headers) > HEADERS:
        raise _malformed()
    targets = (parse_link(value) for value in link_headers)
    target = next((target for target in targets if target is not None), None)
    return None if target is None else _query(target, base_url)


def link_header(path: str, n: int | None, last: str, ns: str | None = None) -> str:
    """Our own `Link` to the page of at most `n` entries after `last`, in the namespace that the client asked for."""
    parameters = [("n", None if n is None else str(n)), ("last", last), ("ns", ns)]
    query = "&".join(f"{key}={_encoded(value)}" for key, value in parameters if value is not None)
    return f'<{quote(path, safe="/:[]", errors="replace")}?{query}>; rel="next"'


def _leads_on(parameters: str) -> bool:
    """Section 3.3: only the first `rel` counts, and it may name several relations."""
    relation = next((value for name, value in _parameters(parameters) if name.lower() == "rel"), "")
    return "next" in relation.strip('"').lower().split()


def _query(target: str, base_url: str) -> Mapping[str, str]:
    if not _visible(target):
        raise _malformed()
    try:
        here, there = urlsplit(base_url), urlsplit(urljoin(base_url, target))
        elsewhere = _place(here) != _place(there)
        pairs = parse_qsl(
            there.query, keep_blank_values=True, strict_parsing=True, max_num_fields=PARAMETERS, errors="strict"
        )
    except ValueError:
        raise _malformed() from None
    if elsewhere or there.query == here.query:
        raise Malformed("a Link that leads to another origin or path, or nowhere", code=Code.BAD_UPSTREAM)
    query = dict(pairs)
    if not query or len(query) != len(pairs) or not all(f"{key}{value}".isprintable() for key, value in pairs):
        raise _malformed()
    return query


def _place(url: SplitResult) -> tuple[str, str | None, str | None, int | None, str]:
    """What must not differ between two pages: scheme, user, host, port and path. ValueError when it is no URL's."""
    return url.scheme, url.username, url.hostname, url.port or _PORTS.get(url.scheme), url.path


def _encoded(value: str) -> str:
    return quote(value, safe="", errors="replace")


def _malformed() -> Malformed:
    return Malformed("not a Link header that leads to a next page", code=Code.BAD_UPSTREAM)
