"""`WWW-Authenticate`: what a registry wants to see. Knows how challenges are written, not which may be answered.

RFC 9110 section 11.6.1 with the liberties that registries take: several challenges in a header, commas in quotes,
values that ought to be quoted and are not (`realm=https://host/token`). A challenge that can be read in two ways is
dropped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from mirror.errors import Code, Malformed

HEADER_LENGTH = 8192
CHALLENGES = 16
PARAMETERS = 32

# Between commas that are not within quotes; an open quote reaches to the end of the header.
_elements = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*(?:"|\\?\Z))+', re.DOTALL).findall

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # a token, RFC 9110 section 5.6.2
_TOKEN68 = r"[A-Za-z0-9._~+/-]+=*"  # section 11.2
# A token68 is tried before a parameter, because `YWJj==` could be read as one.
_element = re.compile(
    rf"""(?:(?P<scheme>{_NAME})(?:\Z|[ \t]+(?:{_TOKEN68}\Z|(?={_NAME}[ \t]*=))))?
         (?:(?P<name>{_NAME})[ \t]*=[ \t]*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^ \t"][^"]*)))?""",
    re.ASCII | re.DOTALL | re.VERBOSE,
).fullmatch
_escaped = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Challenge:
    """`scheme` and the parameters' names in lower case, the values without their quotes and escapes, all printable."""

    scheme: str
    parameters: Mapping[str, str] = field(hash=False)


def parse(values: Sequence[str]) -> tuple[Challenge, ...]:
    """The challenges of all `WWW-Authenticate` lines, in their order; none when nothing can be read.

    Dropped: a challenge with a parameter twice, with an unprintable value, or with something behind it that is no
    parameter. Malformed (BAD_UPSTREAM) only when there is more of anything than a registry has reason to send.
    """
    if len(values) > CHALLENGES or any(len(value) > HEADER_LENGTH for value in values):
        raise Malformed("more or longer WWW-Authenticate lines than are read", code=Code.BAD_UPSTREAM)
    challenges = tuple(challenge for value in values for challenge in _read(value))
    if len(challenges) > CHALLENGES:
        raise Malformed("more challenges than are read", code=Code.BAD_UPSTREAM)
    return challenges


def _read(header: str) -> list[Challenge]:
    read: list[tuple[str, dict[str, str]]] = []
    complete = True  # False while what comes next belongs to the last challenge read
    for element in _elements(header):
        text = element.strip(" \t")
        if not text:
            continue
        found = _element(text)
        if found is not None and found["scheme"] is not None:
            read.append((found["scheme"].lower(), {}))
            complete = False
        elif complete:
            continue
        if found is None or (found["name"] is not None and not _add(read[-1][1], found)):
            read.pop()
            complete = True
    return [Challenge(scheme, MappingProxyType(parameters)) for scheme, parameters in read]


def _add(parameters: dict[str, str], found: re.Match[str]) -> bool:
    """Whether the parameter that was found could be added."""
    name, quoted = found["name"].lower(), found["quoted"]
    value = found["plain"] if quoted is None else _escaped.sub(r"\1", quoted)
    if name in parameters or not value.isprintable():
        return False
    parameters[name] = value
    if len(parameters) > PARAMETERS:
        raise Malformed("more parameters in a challenge than are read", code=Code.BAD_UPSTREAM)
    return True
