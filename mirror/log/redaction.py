"""Takes secrets and control characters out of text that is about to be logged. Knows no log and no setting.

Written to err on the side of hiding: what merely looks like a credential is hidden too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum

HIDDEN = "***"

_URL = re.compile(r"\b([A-Za-z][A-Za-z0-9+.-]{0,15}://)([^\s\"'<>]+)")
_HEADER = re.compile(r"(?i)\b((?:proxy-)?authorization|x-registry-auth|(?:set-)?cookie)\b([\"']?\s*[:=]\s*)[^\r\n}]+")
_SCHEME = re.compile(r"\b((?i:bearer|basic))\s+(?=\S*(?:[A-Z0-9=+/_~]|\w[.-]\w))[A-Za-z0-9=+/._~-]{4,}")
_PAIR = re.compile(
    r"(?i)\b((?:[a-z0-9]+[_-])*(?:password|passwd|secret|token|credential|signature|api[_-]?key|x-amz-[a-z-]+))"
    r"([\"']?\s*[=:]\s*)(?:\"[^\"]*\"|'[^']*'|[^\s\"',;&}]+)"
)
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*){1,4}")
_TELLING = re.compile(r"[\s:=]|eyJ")  # one of which is in whatever any of these finds, and in few values
_SECRET_KEY = re.compile(
    r"(?i)(?:.*[_-])?(?:password|passwd|secret|token|credentials?|(?:proxy[_-])?authorization|cookie|api[_-]?key)"
)


def redact(text: str) -> str:
    """The text without userinfo, query and fragment of URLs, and without values of credentials."""
    if _TELLING.search(text) is None:
        return text
    text = _URL.sub(_bare_url, text)
    text = _HEADER.sub(rf"\1\2{HIDDEN}", text)
    text = _SCHEME.sub(rf"\1 {HIDDEN}", text)
    text = _PAIR.sub(rf"\1\2{HIDDEN}", text)
    return _JWT.sub(HIDDEN, text)


def printable(text: str) -> str:
    """The text on one line: what a terminal would act on, or a parser of lines stumble over, becomes an escape."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else _escape(letter) for letter in text)


def clean(value: object) -> object:
    """Both of these, through mappings and sequences. Numbers stay; what is no plain value becomes text."""
    if isinstance(value, Enum):
        return clean(value.value)
    if value is None or isinstance(value, (bool, float)) or (isinstance(value, int) and abs(value) < 1 << 63):
        return value
    if isinstance(value, Mapping):
        return {printable(redact(str(key))): clean_named(str(key), item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [clean(item) for item in value]
    if isinstance(value, (bytes, bytearray)):
        return printable(redact(bytes(value).decode(errors="backslashreplace")))
    return printable(redact(str(value)))


def clean_named(name: str, value: object) -> object:
    """The same for a value whose name may say that it is secret."""
    if value is not None and not isinstance(value, (bool, int, float)) and _SECRET_KEY.fullmatch(name):
        return HIDDEN
    return clean(value)


def clean_lines(text: str) -> str:
    """The same for text of several lines, a traceback: indented, so that none can pass for a line of the log."""
    return "\n".join("    " + printable(redact(line)) for line in text.split("\n"))


def _bare_url(found: re.Match[str]) -> str:
    rest = found[2]
    cut = min((index for index in map(rest.find, "?#") if index >= 0), default=len(rest))
    # A password may hold any of these too; whatever stands before the last @ goes.
    user, at, _ = rest.rpartition("@")
    if at and len(user) >= cut:
        return f"{found[1]}{HIDDEN}"
    query = f"{rest[cut]}{HIDDEN}" if cut < len(rest) else ""
    return f"{found[1]}{rest[:cut].rpartition('@')[2]}{query}"


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape", "surrogatepass").decode("ascii")
