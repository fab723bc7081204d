"""Logins that somebody lends for one pull: how they are written in a request, and what makes an upstream of one.

A lent login brings bytes. It proves nothing to anybody else: that a repository has what was brought, the upstream has
to say once more to who is configured, before a client of this mirror is given any of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from mirror.errors import Code, Refused
from mirror.pull.upstreams import Upstream
from mirror.upstream.login import Kind, Login, from_pair, from_token

Loan: TypeAlias = Login
Lend: TypeAlias = Callable[
    [Upstream, Loan, str], Upstream
]  # the upstream asked with this login, for the job of this name


def parse_loan(document: object) -> Loan:
    """The login in a request: `{"username", "password"}` or `{"identitytoken"}`, as Docker's API has them.

    Raises Refused (BAD_REQUEST), with a message that repeats nothing.
    """
    try:
        match document:
            case {"username": username, "password": password, **rest} if not rest:
                return from_pair(username, password)
            case {"identitytoken": token, **rest} if not rest:
                return from_token(token, Kind.IDENTITY_TOKEN)
    except ValueError:
        raise Refused("the login cannot be sent to any registry", code=Code.BAD_REQUEST) from None
    raise Refused("a login is a username and a password, or an identitytoken", code=Code.BAD_REQUEST)


def written(login: Loan) -> Mapping[str, str]:
    """The same for a request; Refused for a registrytoken, which only its own client may show."""
    if login.kind is Kind.PASSWORD:
        return {"username": login.username, "password": login.password}
    if login.kind is Kind.IDENTITY_TOKEN:
        return {"identitytoken": login.password}
    raise Refused("a registrytoken cannot be lent: log in with a password or a token", code=Code.BAD_REQUEST)
