"""Who we are at a registry, as a value: a user and password, or a token in place of both. Knows no place it comes from.

Nothing here raises or shows what a secret says.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from enum import Enum

IDENTITY = "<token>"  # the user name with which credential helpers give out an identity token

_LENGTH = 64 * 1024  # some clouds' passwords are tokens of several KiB
_unsendable = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]").search  # RFC 7617, section 2; and no UTF-8
_printable = re.compile(r"[\x21-\x7e]+", re.ASCII).fullmatch


class Kind(Enum):
    """What a login's secret is."""

    PASSWORD = "password"  # noqa: S105 - the word alone
    IDENTITY_TOKEN = "identity token"  # noqa: S105 - goes to the realm, which gives tokens for it (OAuth 2.0)
    REGISTRY_TOKEN = "registry token"  # noqa: S105 - goes to the registry as it is


@dataclass(frozen=True, slots=True)
class Login:
    """A user and a secret, which `repr` does not show. Equal logins are the same identity at a registry."""

    username: str
    password: str = field(repr=False)
    kind: Kind = Kind.PASSWORD

    def basic(self) -> str:
        """The value of `Authorization` for HTTP Basic (RFC 7617, UTF-8)."""
        pair = f"{self.username}:{self.password}".encode()
        return "Basic " + base64.b64encode(pair).decode("ascii")

    def header(self) -> str | None:
        """What shows this login to an endpoint that takes it itself; None for one that only a realm takes."""
        match self.kind:
            case Kind.PASSWORD:
                return self.basic()
            case Kind.REGISTRY_TOKEN:
                return f"Bearer {self.password}"
        return None

    def __str__(self) -> str:
        return f"user {self.username}" if self.kind is Kind.PASSWORD else self.kind.value


def from_pair(username: object, secret: object) -> Login:
    """The login of a user and a secret that a file or a program named; ValueError, a predicate, if it is none."""
    if not isinstance(username, str) or not isinstance(secret, str) or not username or not secret:
        raise ValueError("names no user with a password")
    if username == IDENTITY:
        return from_token(secret, Kind.IDENTITY_TOKEN)
    pair = username + secret
    if ":" in username or _unsendable(pair) or len(pair) > _LENGTH:
        raise ValueError("names a user or a password that cannot be sent")
    return Login(username, secret)


def from_token(secret: object, kind: Kind) -> Login:
    """The login that is a token of this kind; ValueError, a predicate, for a text that is none."""
    if not isinstance(secret, str) or not _printable(secret) or len(secret) > _LENGTH:
        raise ValueError("holds a token that cannot be sent")
    return Login("", secret, kind)
