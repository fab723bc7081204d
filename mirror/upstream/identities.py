"""Identity tokens that a realm gave in exchange for the one that it was shown (RFC 6749, section 6). Sends nothing.

What was given is for the realm that gave it alone. Where tokens are exchanged each may be good only once, so they are
shown by one at a time there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from yarl import URL

from mirror.upstream.login import Kind, Login
from mirror.upstream.token_requests import Grant

_KEPT = 16  # realms


class Identities:
    """Those of one upstream, which has one login at a time: that of another is forgotten."""

    def __init__(self) -> None:
        self._login: Login | None = None
        self._given: dict[URL, str | None] = {}  # None: this realm exchanges nothing, as far as it has shown
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def turn(self, grant: Grant) -> AsyncIterator[None]:
        """Entered before a token is asked for. Waits, but for realms that exchange nothing, while another is asked."""
        if not self._at_once(grant):
            async with self._turn:
                if not self._at_once(grant):
                    yield
                    return
        yield

    def of(self, grant: Grant) -> str | None:
        """The identity token to show in place of the login's own; None if there is none."""
        return self._given.get(grant.realm.origin()) if grant.login == self._login else None

    def answered(self, grant: Grant, shown: str | None, given: str | None) -> None:
        """A token was given for `grant` to who had shown this in place of the login; `given` came with it."""
        if grant.login is None or grant.login.kind is not Kind.IDENTITY_TOKEN:
            return
        if grant.login != self._login:
            self._login, self._given = grant.login, {}
        realm = grant.realm.origin()
        if given is not None and given != (shown or grant.login.password):
            self._given.pop(realm, None)
            while len(self._given) >= _KEPT:
                del self._given[next(iter(self._given))]
            self._given[realm] = given
        elif len(self._given) < _KEPT:
            self._given.setdefault(realm, None)

    def forget(self, grant: Grant) -> None:
        """What is held in place of the login was refused."""
        if grant.login == self._login:
            self._given.pop(grant.realm.origin(), None)

    def _at_once(self, grant: Grant) -> bool:
        if grant.login is None or grant.login.kind is not Kind.IDENTITY_TOKEN:
            return True
        realm = grant.realm.origin()
        return grant.login == self._login and realm in self._given and self._given[realm] is None
