"""Whether a client wants an answer that the upstream vouches for now (RFC 9111, section 5.2.1). Decides nothing."""

from __future__ import annotations

from multidict import CIMultiDictProxy

_ASKED = frozenset({"no-cache", "max-age=0"})


def wants_no_old_answer(headers: CIMultiDictProxy[str]) -> bool:
    """`Cache-Control: no-cache` or `max-age=0`; `Pragma: no-cache` where there is no `Cache-Control` (section 5.4)."""
    lines = headers.getall("Cache-Control", ()) or headers.getall("Pragma", ())
    return any(directive.strip().lower() in _ASKED for line in lines for directive in line.split(","))
