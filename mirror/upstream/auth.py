"""What one endpoint wants to see before it answers, and the proof of it.

  1. A request goes out with what earlier challenges taught: nothing at first.
  2. Answered 401, the challenges in it are read: Bearer if its realm may be asked, else Basic if there is a login.
  3. The proof is made (a token from the realm, or the login itself) and the request sent once more.
  4. A proof that was refused is renewed once, unless it has just been made and was never accepted; after that the
     answer stands.

Every challenge is checked anew. The scope is always ours, to read the one repository, never the one that is offered.
Knows nothing of redirects, but that a challenge from where one led is answered by nobody's token, never with a login.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field, replace

from yarl import URL

from mirror.errors import Denied, Nonsense, Unreachable
from mirror.upstream.credentials import Credentials
from mirror.upstream.login import Kind, Login
from mirror.upstream.refusals import Refusals, Showing
from mirror.upstream.schemes import Bearer, Direct, Door, choose
from mirror.upstream.token_answers import Token
from mirror.upstream.token_requests import Grant
from mirror.upstream.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Keys:
    """What one upstream's endpoints share: the login, the tokens made from it, and where it was refused."""

    credentials: Credentials
    tokens: Tokens
    refusals: Refusals
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class Proof:
    """`header` is the value of `Authorization`, made of a `token` (Bearer) or of the `login` itself, for `repository`.

    `grant` is what the token was given for.
    """

    header: str = field(repr=False)
    repository: str
    token: Token | None = None
    login: Login | None = None
    grant: Grant | None = None


class Access:
    """Remembers which scheme the endpoint wants; one for each endpoint."""

    def __init__(self, door: Door, keys: Keys) -> None:
        self._door = door
        self._keys = keys
        self._learned: Direct | Bearer | None = None

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
        too young to have expired, and was never accepted; Nonsense when no realm may be asked.
        """
        if refused is not None:
            self.refused(refused)
            await self._another(refused.login)
        login = await self._login()
        # The public suffix list, which the choice may need, takes its time to be read.
        scheme = await asyncio.to_thread(choose, self._door, challenges, login, self._without_login())
        grant = self._grant(scheme, login, repository)
        if refused is not None and scheme == self._learned and self._in_vain(grant, refused):
            raise Denied(f"{self._door.place} refuses a token that was made for this: we may not have it")
        self._learned = scheme
        return await self._proof(scheme, repository, refused)

    async def elsewhere(self, url: URL, challenges: Sequence[str], repository: str) -> Proof | None:
        """An anonymous token after a 401 at `url`, where a redirect led; None if its challenge cannot be answered.

        No login of ours is for there, and what is learned is not kept. Raises like `proof`.
        """
        # A realm that knows us by our certificate gives tokens that are for us alone.
        known = frozenset[str]() if self._door.certified else self._door.realms
        door = Door(self._door.upstream, url.origin(), known)
        try:
            scheme = await asyncio.to_thread(choose, door, challenges, None, "")
            if isinstance(scheme, Direct):
                return None
            grant = Grant(None, scheme.realm, scheme.service, _scope(repository))
            token = await self._keys.tokens.get(grant)
        except (Denied, Nonsense):
            return None
        return Proof(f"Bearer {token.text}", repository, token, grant=grant)

    def showing(self, proof: Proof | None) -> AbstractAsyncContextManager[None]:
        """Within it the proof is shown, and what became of it told by `accepted` or `refused`.

        Entering waits while another request shows a login that was not accepted yet, and raises Denied if that was
        refused. May be cancelled.
        """
        if proof is None or proof.login is None:
            return nullcontext()
        return self._keys.refusals.trial(self._showing(proof.login, proof.repository))

    def accepted(self, proof: Proof) -> None:
        """This one was answered as only somebody is who may ask."""
        if proof.login is not None:
            self._keys.refusals.accept(self._showing(proof.login, proof.repository))
        if proof.grant is not None and proof.token is not None:
            self._keys.tokens.accept(proof.grant, proof.token)

    def refused(self, proof: Proof) -> None:
        """This one was answered 401: a login is not shown again for a while, a token replaced if that may help."""
        if proof.login is not None:
            self._keys.refusals.refuse(self._showing(proof.login, proof.repository))
        if proof.grant is not None and proof.token is not None and not self._in_vain(proof.grant, proof):
            self._keys.tokens.drop(proof.grant, proof.token)

    async def renewed(self, repository: str, refused: Proof) -> Proof | None:
        """A new proof after a 400, which is how ECR calls an expired token; None when that would be the same.

        For a login there is another one if its file or its helper has it. A token must have some age: without that
        every malformed request would cost the realm a token.
        """
        scheme = self._learned
        if scheme is None:
            return None
        if refused.login is not None:
            other = await self._another(refused.login)
            return None if other is None else await self._proof(scheme, repository, None)
        if refused.token is None or self._young(refused.token):
            return None
        return await self._proof(scheme, repository, refused)

    async def _proof(self, scheme: Direct | Bearer, repository: str, refused: Proof | None) -> Proof:
        login = await self._login()
        grant = self._grant(scheme, login, repository)
        if grant is None:
            return self._direct(login, repository)
        if refused is not None and refused.token is not None:
            self._keys.tokens.drop(grant, refused.token)
        try:
            grant, token = await self._token(grant)
        except (Nonsense, Unreachable):
            if self._learned is scheme:
                self._learned = None
            raise
        except Denied:
            if self._withholds():
                raise Denied(f"{self._door.place} asks for a login, and {self._without_login()}") from None
            raise
        return Proof(f"Bearer {token.text}", repository, token, grant=grant)

    async def _token(self, grant: Grant) -> tuple[Grant, Token]:
        """A token for `grant`, or with the login that has taken the place of its own; and what it is for."""
        try:
            return grant, await self._keys.tokens.get(grant)
        except Denied:
            other = await self._another(grant.login)
            if other is None or other.kind is Kind.REGISTRY_TOKEN:
                raise
            better = replace(grant, login=other)
            return better, await self._keys.tokens.get(better)

    async def _another(self, refused: Login | None) -> Login | None:
        """The login that has taken the place of this one; None if there is no other."""
        return None if refused is None else await self._keys.credentials.another(refused)

    def _grant(self, scheme: Direct | Bearer, login: Login | None, repository: str) -> Grant | None:
        """What to ask for a token for; None where the login itself is the proof."""
        if isinstance(scheme, Direct) or (login is not None and login.kind is Kind.REGISTRY_TOKEN):
            return None
        return Grant(login, scheme.realm, scheme.service, _scope(repository))

    def _in_vain(self, grant: Grant | None, refused: Proof) -> bool:
        """Whether another token would be refused as well."""
        token = refused.token
        return grant is not None and token is not None and self._keys.tokens.in_vain(grant, token)

    def _young(self, token: Token) -> bool:
        return token.young(self._keys.clock())

    def _direct(self, login: Login | None, repository: str) -> Proof:
        header = None if login is None else login.header()
        if login is None or header is None:
            self._learned = None  # the next challenge may be one that can be answered
            raise Denied(f"{self._door.place} asks for a login, and {self._without_login()}")
        self._keys.refusals.check(self._showing(login, repository))
        return Proof(header, repository, login=login)

    def _showing(self, login: Login, repository: str) -> Showing:
        shown = ("endpoint", login, self._door.endpoint.origin())
        return Showing(shown, (shown, repository), self._door.place)

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


def _scope(repository: str) -> str:
    return f"repository:{repository}:pull"
