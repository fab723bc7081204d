"""What one endpoint wants to see before it answers, and the proof of it.

  1. A request goes out with what earlier challenges taught: nothing at first.
  2. Answered 401, the challenges in it are read: Bearer if its realm may be asked, else Basic if there is a login.
  3. The proof is made (a token from the realm, or the login itself) and the request sent once more.
  4. A proof that was refused is renewed once, unless it has just been made; after that the answer stands.

Every challenge is checked anew. The scope is always ours, to read the one repository, never the one that is offered.
Knows nothing of redirects, but that a challenge from where one led is answered by nobody's token, never with a login.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from yarl import URL

from mirror.errors import Denied, Malformed, Nonsense, Unreachable
from mirror.oci import challenge
from mirror.upstream import origins, realms
from mirror.upstream.credentials import Credentials, Login
from mirror.upstream.refusals import Refusals
from mirror.upstream.tokens import Grant, Token, Tokens


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
    """`header` is the value of `Authorization`, made of a `token` (Bearer) or of the `login` itself (Basic).

    `grant` is what a token from elsewhere was given for.
    """

    header: str = field(repr=False)
    token: Token | None = None
    login: Login | None = None
    grant: Grant | None = None


class Access:
    """Remembers which scheme the endpoint wants; one for each endpoint."""

    def __init__(self, door: Door, keys: Keys) -> None:
        self._door = door
        self._keys = keys
        self._learned: Basic | Bearer | None = None

    async def proof(self, repository: str) -> Proof | None:
        """What to send along with a request for `repository`; None as long as the endpoint asked for nothing.

        Raises Denied and Throttled, as the token's realm answers; Nonsense and Unreachable, and then knows the realm no
        more: the next challenge tells whether it has moved. May be cancelled.
        """
        scheme = self._learned
        return None if scheme is None else await self._proof(scheme, repository, None)

    async def answer(self, challenges: Sequence[str], repository: str, refused: Proof | None) -> Proof:
        """A new proof after a 401 with these `WWW-Authenticate` lines; `refused` was sent with the request.

        Raises like `proof`; Denied when there is no way to answer, or a token of this very realm was refused that is
        too young to have expired; Nonsense when no realm may be asked.
        """
        login = await self._login()
        # The public suffix list, which the choice may need, takes its time to be read.
        scheme = await asyncio.to_thread(_choose, self._door, challenges, login is not None, self._without_login())
        if refused is not None:
            self.refused(refused)
            if scheme == self._learned and self._in_vain(self._grant(scheme, login, repository), refused):
                raise Denied(f"{self._place()} refuses a token that was made for this: we may not have it")
        self._learned = scheme
        return await self._proof(scheme, repository, refused)

    async def elsewhere(self, url: URL, challenges: Sequence[str], repository: str) -> Proof | None:
        """An anonymous token after a 401 at `url`, where a redirect led; None if its challenge cannot be answered.

        No login of ours is for there, and what is learned is not kept. Raises like `proof`.
        """
        door = Door(self._door.upstream, url.origin(), self._door.realms)
        try:
            scheme = await asyncio.to_thread(_choose, door, challenges, False, "")
            if isinstance(scheme, Basic):
                return None
            grant = Grant(None, scheme.realm, scheme.service, _scope(repository))
            token = await self._keys.tokens.get(grant)
        except (Denied, Nonsense):
            return None
        return Proof(f"Bearer {token.text}", token, grant=grant)

    def refused(self, proof: Proof) -> None:
        """This one was answered 401: a login is not shown again for a while, a token from elsewhere soon replaced."""
        if proof.login is not None:
            self._keys.refusals.add((proof.login, self._door.endpoint))
        if proof.grant is not None and proof.token is not None and not self._young(proof.token):
            self._keys.tokens.drop(proof.grant, proof.token)

    async def renewed(self, repository: str, refused: Proof) -> Proof | None:
        """A new proof after a 400, which is how ECR calls an expired token; None when the token is too young for that.

        Without the age every malformed request would cost the realm a token.
        """
        scheme = self._learned
        if refused.token is None or scheme is None or self._young(refused.token):
            return None
        return await self._proof(scheme, repository, refused)

    async def _proof(self, scheme: Basic | Bearer, repository: str, refused: Proof | None) -> Proof:
        login = await self._login()
        grant = self._grant(scheme, login, repository)
        if grant is None:
            return self._basic(login)
        if refused is not None and refused.token is not None:
            self._keys.tokens.drop(grant, refused.token)
        try:
            token = await self._keys.tokens.get(grant)
        except (Nonsense, Unreachable):
            if self._learned is scheme:
                self._learned = None
            raise
        except Denied:
            if self._withholds():
                raise Denied(f"{self._place()} asks for a login, and {self._without_login()}") from None
            raise
        return Proof(f"Bearer {token.text}", token)

    def _grant(self, scheme: Basic | Bearer, login: Login | None, repository: str) -> Grant | None:
        """What to ask for a token for; None where the login itself is the proof."""
        return None if isinstance(scheme, Basic) else Grant(login, scheme.realm, scheme.service, _scope(repository))

    def _in_vain(self, grant: Grant | None, refused: Proof) -> bool:
        """Whether another token would be refused as well: this one is young, and nobody has a newer one."""
        token = refused.token
        return grant is not None and token is not None and self._young(token) and self._keys.tokens.holds(grant, token)

    def _young(self, token: Token) -> bool:
        return token.young(self._keys.clock())

    def _basic(self, login: Login | None) -> Proof:
        if login is None:
            raise Denied(f"{self._place()} asks for a login, and {self._without_login()}")
        if (login, self._door.endpoint) in self._keys.refusals:
            raise Denied(f"{self._place()} has just refused our login")
        return Proof(login.basic(), login=login)

    async def _login(self) -> Login | None:
        return None if self._withholds() else await self._keys.credentials.login()

    def _withholds(self) -> bool:
        """Whether there is a login that must not travel there."""
        door = self._door
        return door.endpoint.scheme == "http" and not door.insecure and self._keys.credentials.configured

    def _without_login(self) -> str:
        if self._withholds():
            return "the one that is configured is not sent over plain http; `insecure: true` would allow it"
        return "there is none for it"

    def _place(self) -> str:
        return f"{self._door.upstream}: {origins.place(self._door.endpoint)}"


def _scope(repository: str) -> str:
    return f"repository:{repository}:pull"


def _choose(door: Door, headers: Sequence[str], has_login: bool, without: str) -> Basic | Bearer:
    """The scheme to answer with: the first Bearer whose realm may be asked, else Basic. `without`: why no login is."""
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
    raise Denied(f"{place} asks for a login, and {without}")
