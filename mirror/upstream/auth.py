"""What one endpoint wants to see before it answers, and the proof of it.

  1. A request goes out with what earlier challenges taught: nothing at first.
  2. Answered 401, the challenges in it are read: Bearer if its realm may be asked, else Basic if there is a login.
  3. The proof is made (a token from the realm, or the login itself) and the request sent once more.
  4. A proof that was refused is renewed once; after that the answer stands.

Every challenge is checked anew. The scope is always ours, to read the one repository, never the one that is offered.
Knows nothing of redirects: a challenge from elsewhere never gets here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from yarl import URL

from mirror.errors import Denied, Malformed, Nonsense
from mirror.oci import challenge
from mirror.upstream import origins, realms
from mirror.upstream.credentials import Credentials, Login
from mirror.upstream.refusals import Refusals
from mirror.upstream.tokens import Grant, Token, Tokens

_SUSPECT = 10.0  # seconds after which a token that earns a 400 may be one that has expired


@dataclass(frozen=True, slots=True)
class Door:
    """An endpoint: `realms` are the configured token hosts, `insecure` lets credentials travel over plain http."""

    upstream: str
    endpoint: URL
    realms: frozenset[str] = frozenset()
    insecure: bool = False


@dataclass(frozen=True, slots=True)
class Keys:
    """What one upstream's endpoints share: the login, the tokens made from it, and where it was refused."""

    credentials: Credentials
    tokens: Tokens
    refusals: Refusals
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class Basic:
    """The endpoint takes the login itself."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """The endpoint takes tokens of this realm for this service."""

    realm: URL
    service: str | None


@dataclass(frozen=True, slots=True)
class Proof:
    """`header` is the value of `Authorization`, made of a `token` (Bearer) or of the `login` itself (Basic)."""

    header: str = field(repr=False)
    token: Token | None = None
    login: Login | None = None


class Access:
    """Remembers which scheme the endpoint wants; one for each endpoint."""

    def __init__(self, door: Door, keys: Keys) -> None:
        self._door = door
        self._keys = keys
        self._learned: Basic | Bearer | None = None

    async def proof(self, repository: str) -> Proof | None:
        """What to send along with a request for `repository`; None as long as the endpoint asked for nothing.

        Raises Denied, Nonsense, Unreachable and Throttled, as the token's realm answers. May be cancelled.
        """
        if self._learned is None:
            return None
        return await self._proof(self._learned, repository, None)

    async def answer(self, challenges: Sequence[str], repository: str, refused: Proof | None) -> Proof:
        """A new proof after a 401 with these `WWW-Authenticate` lines; `refused` was sent with the request.

        Raises like `proof`; Denied when there is no way to answer, Nonsense when no realm may be asked.
        """
        login = await self._login()
        # The public suffix list, which the choice may need, takes its time to be read.
        scheme = await asyncio.to_thread(_choose, self._door, challenges, login is not None)
        self._learned = scheme
        if refused is not None:
            self.refused(refused)
        return await self._proof(scheme, repository, refused)

    def refused(self, proof: Proof) -> None:
        """This one was answered 401: a login is then not shown again for a while."""
        if proof.login is not None:
            self._keys.refusals.add((proof.login, self._door.endpoint))

    async def renewed(self, repository: str, refused: Proof) -> Proof | None:
        """A new proof after a 400, which is how ECR calls an expired token; None when the token is too young for that.

        Without the age every malformed request would cost the realm a token.
        """
        token, scheme = refused.token, self._learned
        if token is None or scheme is None or self._keys.clock() - token.issued < _SUSPECT:
            return None
        return await self._proof(scheme, repository, refused)

    async def _proof(self, scheme: Basic | Bearer, repository: str, refused: Proof | None) -> Proof:
        login = await self._login()
        if isinstance(scheme, Basic):
            return self._basic(login)
        grant = Grant(login, scheme.realm, scheme.service, f"repository:{repository}:pull")
        if refused is not None and refused.token is not None:
            self._keys.tokens.drop(grant, refused.token)
        token = await self._keys.tokens.get(grant)
        return Proof(f"Bearer {token.text}", token)

    def _basic(self, login: Login | None) -> Proof:
        door = self._door
        if login is None:
            raise Denied(f"{door.upstream}: {origins.place(door.endpoint)} asks for a login, and there is none for it")
        if (login, door.endpoint) in self._keys.refusals:
            raise Denied(f"{door.upstream}: {origins.place(door.endpoint)} has just refused our login")
        return Proof(login.basic(), login=login)

    async def _login(self) -> Login | None:
        if self._door.endpoint.scheme == "http" and not self._door.insecure:
            return None
        return await self._keys.credentials.login()


def _choose(door: Door, headers: Sequence[str], has_login: bool) -> Basic | Bearer:
    """The scheme to answer with: the first Bearer whose realm may be asked, else Basic."""
    place = f"{door.upstream}: {origins.place(door.endpoint)}"
    try:
        challenges = challenge.parse(headers)
    except Malformed:
        raise Nonsense(f"{place} asks for a login with more words than are read") from None
    reason = None
    for one in challenges:
        if one.scheme != "bearer":
            continue
        try:
            realm = origins.read(one.parameters.get("realm", ""))
        except ValueError as error:
            reason = f"it sends us for a token to an address that {error}"
            continue
        refusal = realms.refusal(realm, door.endpoint, door.realms)
        if refusal is None:
            return Bearer(realm, one.parameters.get("service"))
        reason = refusal
    if has_login and any(one.scheme == "basic" for one in challenges):
        return Basic()
    if reason is not None:
        raise Nonsense(f"{place} cannot be logged in to: {reason}")
    raise Denied(f"{place} asks for a login, and there is none for it")
