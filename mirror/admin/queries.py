"""What stands in a query, read strictly: a parameter that is not understood is refused, not passed over."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from aiohttp import web

from mirror.errors import Code, Refused

_TRUTH = {"true": True, "false": False}
_LONGEST = 1024  # characters


def parameters(request: web.Request, known: Collection[str]) -> Mapping[str, str]:
    """Those of the query, each of them `known` and there once. Raises Refused (BAD_REQUEST)."""
    query = request.query
    if len(query) != len(set(query)) or not set(query) <= set(known):
        raise _refused(f"what can be asked with is {', '.join(sorted(known))}, each of them once")
    if any(len(value) > _LONGEST for value in query.values()):
        raise _refused("that is longer than any name")
    return query


def wanted(query: Mapping[str, str], name: str, example: str) -> str:
    """A parameter that has to be there. Raises Refused (BAD_REQUEST)."""
    value = query.get(name)
    if not value:
        raise _refused(f"name it: ?{name}={example}")
    return value


def truth(query: Mapping[str, str], name: str) -> bool:
    """A parameter that is `true` or `false`, which it is when it is not there. Raises Refused (BAD_REQUEST)."""
    value = _TRUTH.get(query.get(name, "false"))
    if value is None:
        raise _refused(f"`{name}` is true or false")
    return value


def number(query: Mapping[str, str], name: str, most: int) -> int:
    """A parameter that is a number from 1 on. Raises Refused (BAD_REQUEST)."""
    text = query.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 20 and 1 <= int(text) <= most):
        raise _refused(f"`{name}` is a number from 1 to {most}")
    return int(text)


def _refused(words: str) -> Refused:
    return Refused(words, code=Code.BAD_REQUEST)
