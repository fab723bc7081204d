"""Whom one upstream is asked as: the one place that knows every source of logins, and says when what it gives changes.

Nothing here logs or raises what a secret says.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import structlog
from yarl import URL

from mirror.config.settings import Upstream
from mirror.errors import Unreachable
from mirror.upstream import docker_config, origins
from mirror.upstream.accounts import holders
from mirror.upstream.docker_config import Helper
from mirror.upstream.docker_login import DockerLogin
from mirror.upstream.login import Login
from mirror.upstream.password_login import PasswordLogin
from mirror.upstream.program_login import CommandLogin, HelperLogin, Running
from mirror.upstream.selection import base_urls

_log = structlog.get_logger("mirror.upstream")


class Source(Protocol):
    """Where logins come from; `source` is the key that configures it."""

    source: str

    async def get(self) -> Login | None: ...

    def doubt(self, login: Login) -> None: ...

    def describe(self) -> str: ...

    async def aclose(self) -> None: ...


class Credentials:
    """What `upstream` (called `name` in messages) is configured to log in with. Closed by `aclose`.

    `environment` holds what password_env names, and is handed on to credential helpers; `clock` is monotonic.
    """

    def __init__(
        self,
        name: str,
        upstream: Upstream,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._source = _source(upstream, Running(name, environment, upstream.credential_lifetime, clock))
        self._last: Login | None = None
        self._seen = False  # any login, or that there is none
        self._failing = False

    async def aclose(self) -> None:
        """Ends the program that is asked for a login, if one is. Twice is as good as once."""
        if self._source is not None:
            await self._source.aclose()

    @property
    def configured(self) -> bool:
        """Whether there may be somebody to log in as."""
        return self._source is not None

    async def login(self) -> Login | None:
        """The login as it is now, None for an upstream that is asked anonymously.

        Unreachable if it cannot be had: that is our own trouble, and no word of the upstream against what we hold. May
        be cancelled.
        """
        if self._source is None:
            return None
        try:
            login = await self._source.get()
        except Unreachable as error:
            if not self._failing:
                why, source = str(error), self._source.source
                _log.warning("a login cannot be had", upstream=self._name, source=source, why=why)
            self._failing = True
            raise
        self._failing = False
        if self._seen and login != self._last:
            _log.info("a login has changed", upstream=self._name, source=self._source.source)
        self._last, self._seen = login, True
        return login

    async def another(self, refused: Login) -> Login | None:
        """A login in place of this one, which was refused; None if there is no other. Raises like `login`."""
        if self._source is None:
            return None
        self._source.doubt(refused)
        login = await self.login()
        return login if login != refused else None

    def describe(self) -> str:
        """Who it is and where from, for the operator: `user alice from password_file`. No secret is in it."""
        return "anonymous" if self._source is None else self._source.describe()


def _source(upstream: Upstream, running: Running) -> Source | None:
    name = running.upstream
    if upstream.credential_command:
        return CommandLogin(upstream.credential_command, upstream.username, running)
    if upstream.credential_helper is not None:
        servers = tuple(dict.fromkeys(docker_config.server(one) for one in _names(name, base_urls(name, upstream))))
        return HelperLogin(Helper(upstream.credential_helper, servers), running)
    if upstream.docker_config is not None:
        return DockerLogin(upstream.docker_config, _names(name, base_urls(name, upstream)), running)
    if upstream.username is not None:
        return PasswordLogin(name, upstream.username, upstream, running.environment)
    return None


def _names(name: str, endpoints: Sequence[URL]) -> tuple[str, ...]:
    """The upstream's name, and the hosts of those endpoints that its account is for."""
    ours = holders(name, endpoints)
    return tuple(dict.fromkeys((name, *(origins.place(url) for url in endpoints if url in ours))))
