"""JSON from strangers: one object, read as everybody else reads it, or refused. Knows no manifest.

Readers disagree on a key that stands there twice, and Go's takes `Layers` for `layers`: one digest would then have
two meanings (CVE-2021-41190). Below the top level the last of equal keys wins, as it does for Go.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import NoReturn

from mirror.errors import Code, Malformed

MEMBERS = 256  # of the top level
VALUES = 400_000  # at most, in the whole document: four megabytes of `{},` are a hundred of Python's

_blank = re.compile(r"[ \t\n\r]*").match


def _no_constant(_name: str) -> NoReturn:
    raise ValueError("NaN and infinities are not JSON")


_decode = json.JSONDecoder(parse_constant=_no_constant).raw_decode


def parse_object(body: bytes, fields: Collection[str]) -> dict[str, object]:
    """The members of the JSON object that `body` is; Malformed (BAD_UPSTREAM) when it is not exactly one.

    Refused as well: what is not UTF-8, NaN and the infinities, numbers and nesting beyond what Python reads, and at
    the top level a key twice or a key that differs from another one, or from one of `fields`, by case alone.
    """
    if sum(map(body.count, (b"{", b"[", b","))) > VALUES:
        raise Malformed("a document of too many values", code=Code.BAD_UPSTREAM)
    try:
        members = _members(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Malformed("a document that is not one JSON object", code=Code.BAD_UPSTREAM) from None
    spelling = {name.casefold(): name for name in fields}
    document: dict[str, object] = {}
    for key, value in members:
        # str.casefold folds whatever Go folds, a long s (U+017F) at the end of `layers` included.
        if spelling.setdefault(key.casefold(), key) != key or key in document:
            raise Malformed("a document with a key that can be read in two ways", code=Code.BAD_UPSTREAM)
        document[key] = value
    return document


def _members(text: str) -> list[tuple[str, object]]:
    """The members in their order. A hook of json's would see every object there is, and cost a call for each."""
    members: list[tuple[str, object]] = []
    at = _after(text, _end_of_blank(text, 0), "{")
    while members or not text.startswith("}", at):
        if not text.startswith('"', at) or len(members) == MEMBERS:
            raise ValueError("no key, or too many of them")
        key, at = _decode(text, at)
        value, at = _decode(text, _after(text, _end_of_blank(text, at), ":"))
        members.append((key, value))
        at = _end_of_blank(text, at)
        if not text.startswith(",", at):
            break
        at = _after(text, at, ",")
    if _after(text, at, "}") != len(text):
        raise ValueError("something behind the object")
    return members


def _after(text: str, at: int, mark: str) -> int:
    """Where what follows `mark` begins, which has to stand at `at`."""
    if not text.startswith(mark, at):
        raise ValueError("not an object")
    return _end_of_blank(text, at + 1)


def _end_of_blank(text: str, at: int) -> int:
    found = _blank(text, at)
    return at if found is None else found.end()
