"""Which of a registry's challenges is answered, and how: with a token of its realm, or with the login itself. Pure.

Every challenge is checked anew: whoever can forge one answer could otherwise have a password sent anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from yarl import URL

from mirror.errors import Denied, Malformed, Nonsense
from mirror.oci import challenge
from mirror.oci.challenge import Challenge
from mirror.upstream import origins, realms
from mirror.upstream.login import Kind, Login


@dataclass(frozen=True, slots=True)
class Door:
    """An endpoint: `realms` are the configured token hosts, `insecure` lets credentials travel over plain http.

    `certified`: a client certificate is shown to the endpoint and to `realms`.
    """

    upstream: str
    endpoint: URL
    realms: frozenset[str] = frozenset()
    insecure: bool = False
    certified: bool = False

    @property
    def place(self) -> str:
        """The upstream and the endpoint's host, as messages have it."""
        return f"{self.upstream}: {origins.place(self.endpoint)}"


@dataclass(frozen=True, slots=True)
class Direct:
    """The endpoint takes the login itself: a user and password by Basic, or a token that it once gave out."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """The endpoint takes tokens of this realm for this service."""

    realm: URL
    service: str | None


def choose(door: Door, headers: Sequence[str], login: Login | None, without: str) -> Direct | Bearer:
    """The scheme to answer with: the first Bearer whose realm may be asked, else Basic. `without`: why no login is.

    `headers` are the `WWW-Authenticate` lines. Raises Denied when there is no way to answer, Nonsense when no realm may
    be asked. May read the public suffix list, which takes a tenth of a second: call it in a thread.
    """
    challenges = _read(door, headers)
    bearers = [one for one in challenges if one.scheme == "bearer"]
    kind = None if login is None else login.kind
    if bearers and kind is Kind.REGISTRY_TOKEN:
        return Direct()
    reason = None
    for one in bearers:
        found = _bearer(door, one)
        if isinstance(found, Bearer):
            return found
        reason = found
    if kind is Kind.PASSWORD and any(one.scheme == "basic" for one in challenges):
        return Direct()
    if reason is not None:
        raise Nonsense(f"{door.place} cannot be logged in to: {reason}")
    if login is not None:
        raise Denied(f"{door.place} does not take the {login.kind.value} that we have for it")
    raise Denied(f"{door.place} asks for a login, and {without}")


def _read(door: Door, headers: Sequence[str]) -> tuple[Challenge, ...]:
    try:
        return challenge.parse(headers)
    except Malformed:
        raise Nonsense(f"{door.place} asks for a login with more words than are read") from None


def _bearer(door: Door, one: Challenge) -> Bearer | str:
    """The scheme, or why it is not taken, for the operator."""
    try:
        realm = origins.read(one.parameters.get("realm", ""))
    except ValueError as error:
        return f"it sends us for a token to an address that {error}"
    return realms.refusal(realm, door.endpoint, door.realms) or Bearer(realm, one.parameters.get("service"))
