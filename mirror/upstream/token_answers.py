"""What a token server answers: a token, how long it is good for, and maybe a new identity token. Pure.

https://distribution.github.io/distribution/spec/auth/token/ and …/auth/oauth/, as far as reading needs them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime

import orjson

_LIFETIME = 60.0  # seconds, when the answer does not say; so the specification
_SHORTEST, _LONGEST = 10.0, 3600.0
_FRESH = 0.8  # the part of its life after which a token is renewed
_SUSPECT = 10.0  # seconds after which a token that is refused may be one that was revoked
_MOMENT = 64  # letters of a date
_printable = re.compile(r"[\x21-\x7e]+", re.ASCII).fullmatch


@dataclass(frozen=True, slots=True)
class Token:
    """`text` goes behind `Bearer`; `issued` is a time of the monotonic clock, `lifetime` seconds that it is used for.

    `expected`: seconds within which it cannot have expired, nor is likely to have been revoked. `refresh`: the identity
    token that replaces the one which was shown.
    """

    text: str = field(repr=False)
    issued: float
    lifetime: float
    expected: float = _SUSPECT
    refresh: str | None = field(default=None, repr=False)

    def fresh(self, now: float) -> bool:
        return now < self.issued + self.lifetime * _FRESH

    def young(self, now: float) -> bool:
        """Whether another token in its place would be refused as well, if this one is."""
        return now < self.issued + self.expected

    def valid(self, now: float) -> bool:
        return now < self.issued + self.lifetime


def parse(body: bytes, now: float, date: str | None = None) -> Token:
    """The token in a token server's answer, received at `now`; `date` is the answer's own, by the server's clock.

    ValueError, a predicate, if there is none to be used.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ValueError("is not JSON") from None
    if not isinstance(document, dict):
        raise ValueError("is no JSON object")
    text = document.get("token") or document.get("access_token")
    if not isinstance(text, str) or not _printable(text):
        raise ValueError("holds no token that could be sent")
    told = document.get("expires_in")
    lifetime = _LIFETIME if isinstance(told, bool) or not isinstance(told, (int, float)) else float(told)
    lifetime = _left(lifetime, document.get("issued_at"), date)
    expected = lifetime if 0 < lifetime < _SUSPECT else _SUSPECT
    refresh = document.get("refresh_token")
    if not isinstance(refresh, str) or not _printable(refresh):
        refresh = None
    return Token(text, now, min(max(lifetime, _SHORTEST), _LONGEST), expected, refresh)


def _left(lifetime: float, issued_at: object, date: str | None) -> float:
    """What remains of its life for a token that was already held when it was asked for.

    Both moments are by the server's clock, so ours may be wrong. Moments that make no sense change nothing.
    """
    if not isinstance(issued_at, str) or date is None:
        return lifetime
    try:
        issued = datetime.fromisoformat(issued_at[:_MOMENT])
        spent = (parsedate_to_datetime(date[:_MOMENT]) - issued).total_seconds()
    except (ValueError, TypeError, OverflowError):  # TypeError: one of them without a time zone
        return lifetime
    return lifetime - spent if 0 < spent < lifetime else lifetime
