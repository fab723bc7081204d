"""How a token is asked for: a GET, anonymous or by Basic, or for an identity token OAuth 2.0's POST. Pure.

https://distribution.github.io/distribution/spec/auth/token/ and …/auth/oauth/, as far as reading needs them. Whether
the realm may be asked was decided before.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from yarl import URL

from mirror.upstream.login import Kind, Login
from mirror.upstream.report import Request

_CLIENT = "mirror"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token is for, and who asks for it: one key of the cache. `login` is None for anonymous tokens."""

    login: Login | None
    realm: URL
    service: str | None
    scope: str


def request(grant: Grant, identity: str | None = None) -> Request:
    """The request for a token; `identity` is the identity token to show, where it is no longer that of the login."""
    asked = {"scope": grant.scope} if grant.service is None else {"service": grant.service, "scope": grant.scope}
    if grant.login is not None and grant.login.kind is Kind.IDENTITY_TOKEN:
        return _by_post(grant.realm, asked, identity or grant.login.password)
    headers = {"Accept": "application/json"}
    if grant.login is not None:
        headers["Authorization"] = grant.login.basic()
    return Request("token", "GET", grant.realm.update_query(asked), headers)


def _by_post(realm: URL, asked: dict[str, str], identity: str) -> Request:
    form = asked | {"grant_type": "refresh_token", "client_id": _CLIENT, "refresh_token": identity}
    headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
    return Request("token", "POST", realm, headers, urlencode(form).encode())
