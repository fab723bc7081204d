"""Bearer tokens of one upstream: fetched once for all who need one, kept for as long as they are good.

Knows nothing of challenges; whether a realm may be asked was decided before.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from mirror.config.settings import Limits
from mirror.errors import Code, Denied, Nonsense, Refused, Unreachable, UpstreamError
from mirror.flights import Flights
from mirror.tasks import end, spawn
from mirror.upstream import origins, token_requests
from mirror.upstream.failures import Failed, by_status
from mirror.upstream.identities import Identities
from mirror.upstream.login import Kind
from mirror.upstream.refusals import Refusals, Showing
from mirror.upstream.token_answers import Token, parse
from mirror.upstream.token_requests import Grant
from mirror.upstream.transport import Transport

_PAUSE = 5.0  # seconds between two tries to renew a token that is still good
_KEPT = 1024  # there is one for each repository
_EARLY = 5.0  # seconds between two tokens that are replaced young: of a registry that takes one and refuses it in turn


class Tokens:
    """Closed by `aclose`. `refusals` are shared with whoever else shows the same logins; `clock` is monotonic."""

    def __init__(
        self, transport: Transport, limits: Limits, refusals: Refusals, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._transport = transport
        self._limits = limits
        self._refusals = refusals
        self._clock = clock
        self._held: dict[Grant, Token] = {}
        self._flights: Flights[Grant, Token] = Flights("token")
        self._renewals: dict[Grant, asyncio.Task[None]] = {}
        self._tried: dict[Grant, float] = {}  # when renewing a token that is held was begun last
        self._proven: set[Grant] = set()  # whose token, of those held, was accepted
        self._early: dict[Grant, float] = {}  # when a young token was dropped last
        self._identities = Identities()

    async def aclose(self) -> None:
        await end(*self._renewals.values())
        await self._flights.aclose()

    async def get(self, grant: Grant) -> Token:
        """A token for `grant`, from memory while it is good; late in its life it is renewed meanwhile.

        Raises Denied when its login was refused, now or not long ago; Nonsense; what the transport raises. May be
        cancelled: the request goes on for others.
        """
        held, now = self._held.get(grant), self._clock()
        if held is not None and held.valid(now):
            if not held.fresh(now):
                self._renew(grant, held)
            return held
        self._check(grant)
        try:
            return await self._flights.join(grant, lambda: self._fetch(grant))
        except Refused as error:
            raise Unreachable(str(error), code=error.code, retry_after=error.retry_after) from None

    def holds(self, grant: Grant, token: Token) -> bool:
        """Whether this is the token that is held for `grant`, so that nobody has replaced it."""
        return self._held.get(grant) is token

    def accept(self, grant: Grant, token: Token) -> None:
        """This token was accepted: refused from now on, it was revoked."""
        if self.holds(grant, token):
            self._proven.add(grant)

    def in_vain(self, grant: Grant, token: Token) -> bool:
        """Whether another token would be refused as well, now that this one was: it is young, nobody has a newer one,
        and it was never accepted, or it has itself just taken the place of one that was dropped young.
        """
        now = self._clock()
        if not self.holds(grant, token) or not token.young(now):
            return False
        return grant not in self._proven or now < self._early.get(grant, now - _EARLY) + _EARLY

    def drop(self, grant: Grant, token: Token) -> None:
        """This token was refused: forget it, unless there is a newer one in its place already."""
        if not self.holds(grant, token):
            return
        now = self._clock()
        if token.young(now):
            self._early = {one: then for one, then in self._early.items() if now < then + _EARLY}
            self._early[grant] = now
        self._forget(grant)

    def _check(self, grant: Grant) -> None:
        if grant.login is not None:
            self._refusals.check(self._showing(grant))

    def _showing(self, grant: Grant) -> Showing:
        """Whoever changes the rest of the realm's address does not get to see the login more often."""
        place = f"{self._transport.name}: {origins.place(grant.realm)}"
        return Showing(("realm", grant.login, grant.realm.origin()), grant, place)

    def _renew(self, grant: Grant, held: Token) -> None:
        """Nobody waits for it, so a realm that is slow or broken costs nothing while the token is good."""
        now = self._clock()
        if grant in self._renewals or now < self._tried.get(grant, now - _PAUSE) + _PAUSE:
            return
        self._tried[grant] = now
        task = self._renewals[grant] = spawn(self._renewed(grant, held), "token-renewal")
        task.add_done_callback(lambda _: self._renewals.pop(grant))

    async def _renewed(self, grant: Grant, held: Token) -> None:
        try:
            self._check(grant)
            await self._flights.join(grant, lambda: self._fetch(grant))
        except Denied:
            self.drop(grant, held)  # who may not have another one is not to go on with this one
        except (UpstreamError, Refused):
            pass  # the token is good for a while; once it is not, whoever needs one hears of it

    def _forget(self, grant: Grant) -> None:
        del self._held[grant]
        self._tried.pop(grant, None)
        self._proven.discard(grant)

    async def _fetch(self, grant: Grant) -> Token:
        name, place = self._transport.name, origins.place(grant.realm)
        try:
            async with asyncio.timeout(self._limits.answer_timeout):
                token = await self._asked(grant)
        except TimeoutError:
            raise Unreachable(f"{name}: {place} gave no token in time", code=Code.TIMEOUT) from None
        while len(self._held) >= _KEPT:
            self._forget(next(iter(self._held)))
        self._held[grant] = token
        self._tried.pop(grant, None)
        self._proven.discard(grant)
        return token

    async def _asked(self, grant: Grant) -> Token:
        if grant.login is None:
            return await self._ask(grant)
        async with self._identities.turn(grant), self._refusals.trial(self._showing(grant)):
            return await self._ask(grant)

    async def _ask(self, grant: Grant) -> Token:
        began = self._clock()
        identity = self._identities.of(grant)
        # Redirects are not followed here: a password goes to the host that was checked and to no other.
        response = await self._transport.exchange(token_requests.request(grant, identity))
        if response.status != 200:
            await response.discard()
            if self._identities.of(grant) != identity and response.status in (400, 401):
                place = origins.place(grant.realm)
                raise Unreachable(f"{self._transport.name}: the identity token for {place} has just been exchanged")
            raise self._refused(grant, response.status, response.retry_after)
        body = await response.whole(self._limits.token_size)
        try:
            token = parse(body, began, response.value("Date"))
        except ValueError as error:
            place = origins.place(grant.realm)
            raise Nonsense(f"{self._transport.name}: the token answer of {place} {error}") from None
        if grant.login is not None:
            self._refusals.accept(self._showing(grant))
            self._identities.answered(grant, identity, token.refresh)
        return token

    def _refused(self, grant: Grant, status: int, waiting: str | None) -> UpstreamError:
        """The error for this status, after noting what it says of the login."""
        name, place, login = self._transport.name, origins.place(grant.realm), grant.login
        if login is not None and (status == 401 or (status == 400 and login.kind is Kind.IDENTITY_TOKEN)):
            # 400 is how OAuth 2.0 says that an identity token is no good (RFC 6749, section 5.2).
            self._identities.forget(grant)
            self._refusals.refuse(self._showing(grant))
            return Denied(f"{name}: {place} refused our login with {status}")
        if login is not None and status == 403:
            self._refusals.add(grant)
        if status in (404, 405, 410):
            # That there is no such realm says nothing about what was asked of the registry.
            return Nonsense(f"{name}: {place} answered {status} to a request for a token")
        return by_status(Failed(name, place, status, waiting), Code.NAME_UNKNOWN)
