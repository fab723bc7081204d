"""Bearer tokens of one upstream: fetched once for all who need one, kept for as long as they are good.

https://distribution.github.io/distribution/spec/auth/token/ as far as reading needs it. Knows nothing of challenges;
whether a realm may be asked was decided before.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import orjson
from yarl import URL

from mirror.config.settings import Limits
from mirror.errors import Code, Denied, Nonsense, Unreachable, UpstreamError
from mirror.flights import Flights
from mirror.tasks import end, spawn
from mirror.upstream import origins
from mirror.upstream.credentials import Login
from mirror.upstream.exchange import Request
from mirror.upstream.failures import Failed, by_status
from mirror.upstream.refusals import Refusals
from mirror.upstream.transport import Transport

_LIFETIME = 60.0  # seconds, when the answer does not say; so the specification
_SHORTEST, _LONGEST = 10.0, 3600.0
_FRESH = 0.8  # the part of its life after which a token is renewed
_PAUSE = 5.0  # seconds between two tries to renew a token that is still good
_SUSPECT = 10.0  # seconds after which a token that is refused may be one that was revoked
_KEPT = 1024  # there is one for each repository
_printable = re.compile(r"[\x21-\x7e]+", re.ASCII).fullmatch


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token is for, and who asks for it: one key of the cache. `login` is None for anonymous tokens."""

    login: Login | None
    realm: URL
    service: str | None
    scope: str


@dataclass(frozen=True, slots=True)
class Token:
    """`text` goes behind `Bearer`; `issued` is a time of the monotonic clock, `lifetime` seconds that it is used for.

    `expected`: seconds within which it cannot have expired, nor is likely to have been revoked.
    """

    text: str = field(repr=False)
    issued: float
    lifetime: float
    expected: float = _SUSPECT

    def fresh(self, now: float) -> bool:
        return now < self.issued + self.lifetime * _FRESH

    def young(self, now: float) -> bool:
        """Whether another token in its place would be refused as well, if this one is."""
        return now < self.issued + self.expected

    def valid(self, now: float) -> bool:
        return now < self.issued + self.lifetime


def parse(body: bytes, now: float) -> Token:
    """The token in a token server's answer, issued at `now`. ValueError, a predicate, if there is none to be used."""
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
    expected = lifetime if 0 < lifetime < _SUSPECT else _SUSPECT
    return Token(text, now, min(max(lifetime, _SHORTEST), _LONGEST), expected)


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

    async def aclose(self) -> None:
        await end(*self._renewals.values())
        await self._flights.aclose()

    async def get(self, grant: Grant) -> Token:
        """A token for `grant`, from memory while it is good; late in its life it is renewed meanwhile.

        Raises Denied when its login was refused, now or within the last half minute; Nonsense; what the transport
        raises. May be cancelled: the request goes on for others.
        """
        held, now = self._held.get(grant), self._clock()
        if held is not None and held.valid(now):
            if not held.fresh(now):
                self._renew(grant, held)
            return held
        self._refuse(grant)
        return await self._flights.join(grant, lambda: self._fetch(grant))

    def holds(self, grant: Grant, token: Token) -> bool:
        """Whether this is the token that is held for `grant`, so that nobody has replaced it."""
        return self._held.get(grant) is token

    def drop(self, grant: Grant, token: Token) -> None:
        """This token was refused: forget it, unless there is a newer one in its place already."""
        if self.holds(grant, token):
            self._forget(grant)

    def _refuse(self, grant: Grant) -> None:
        if grant in self._refusals or (grant.login, grant.realm) in self._refusals:
            raise Denied(f"{self._transport.name}: {origins.place(grant.realm)} has just refused our login")

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
            self._refuse(grant)
            await self._flights.join(grant, lambda: self._fetch(grant))
        except Denied:
            self.drop(grant, held)  # who may not have another one is not to go on with this one
        except UpstreamError:
            pass  # the token is good for a while; once it is not, whoever needs one hears of it

    def _forget(self, grant: Grant) -> None:
        del self._held[grant]
        self._tried.pop(grant, None)

    async def _fetch(self, grant: Grant) -> Token:
        began = self._clock()
        name, place = self._transport.name, origins.place(grant.realm)
        try:
            async with asyncio.timeout(self._limits.answer_timeout):
                body = await self._ask(grant)
        except TimeoutError:
            raise Unreachable(f"{name}: {place} gave no token in time", code=Code.TIMEOUT) from None
        try:
            token = parse(body, began)
        except ValueError as error:
            raise Nonsense(f"{name}: the token answer of {place} {error}") from None
        while len(self._held) >= _KEPT:
            self._forget(next(iter(self._held)))
        self._held[grant] = token
        self._tried.pop(grant, None)
        return token

    async def _ask(self, grant: Grant) -> bytes:
        query = {"scope": grant.scope} if grant.service is None else {"service": grant.service, "scope": grant.scope}
        headers = {"Accept": "application/json"}
        if grant.login is not None:
            headers["Authorization"] = grant.login.basic()
        # Redirects are not followed here: a password goes to the host that was checked and to no other.
        request = Request("token", "GET", grant.realm.update_query(query), headers)
        response = await self._transport.exchange(request)
        if response.status == 200:
            return await response.whole(self._limits.token_size)
        await response.discard()
        if grant.login is not None and response.status in (401, 403):
            # 401 is about the login, 403 about this repository.
            self._refusals.add((grant.login, grant.realm) if response.status == 401 else grant)
        place, waiting = origins.place(grant.realm), response.value("Retry-After")
        if response.status in (404, 410):
            # That there is no such realm says nothing about what was asked of the registry.
            raise Nonsense(f"{self._transport.name}: {place} answered {response.status} to a request for a token")
        raise by_status(Failed(self._transport.name, place, response.status, waiting), Code.NAME_UNKNOWN)
