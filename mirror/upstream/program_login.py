"""The login that a program of the operator's gives out: a credential helper of Docker's, or any command."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath

from mirror.errors import Unreachable
from mirror.upstream import credential_helper, programs
from mirror.upstream.docker_config import Helper
from mirror.upstream.kept_login import KeptLogin
from mirror.upstream.login import Login
from mirror.upstream.programs import Ended


@dataclass(frozen=True, slots=True)
class Running:
    """In what surroundings programs are run for the upstream called `upstream`.

    A login that they print is used for `lifetime` seconds; `clock` is monotonic.
    """

    upstream: str
    environment: Mapping[str, str]
    lifetime: float
    clock: Callable[[], float] = time.monotonic


class HelperLogin:
    """`docker-credential-<name>`, asked for one server after the other until it knows one."""

    source = "credential_helper"

    def __init__(self, helper: Helper, running: Running) -> None:
        self._helper = helper
        self._running = running
        self._kept = KeptLogin(self._ask, running.lifetime, running.clock)

    async def get(self) -> Login:
        """The login. Raises Unreachable if the helper has none, or fails."""
        login = await self._kept.get()
        if login is None:
            raise Unreachable(f"{self._running.upstream}: {self.describe()} has no login for it")
        return login

    @property
    def idle(self) -> bool:
        """Whether the helper does not run."""
        return self._kept.idle

    async def get_if_known(self) -> Login | None:
        """The login, None if the helper says that it has none. Raises Unreachable if it fails."""
        return await self._kept.get()

    def doubt(self, login: Login) -> None:
        """This one was refused: a newer one may do."""
        self._kept.doubt(login)

    def describe(self) -> str:
        """The program's name."""
        return credential_helper.argv(self._helper.name)[0]

    async def aclose(self) -> None:
        """Ends the program if it runs."""
        await self._kept.aclose()

    async def _ask(self) -> Login | None:
        try:
            for server in self._helper.servers:
                ended = await _run(credential_helper.argv(self._helper.name), server, self._running)
                if not credential_helper.knows_no_login(ended):
                    return credential_helper.from_helper(ended)
        except ValueError as error:
            raise Unreachable(f"{self._running.upstream}: {self.describe()} {error}") from None
        return None


class CommandLogin:
    """`argv` prints a login, or the password of `username`; it may read the registry's name from its input."""

    source = "credential_command"

    def __init__(self, argv: tuple[str, ...], username: str | None, running: Running) -> None:
        self._argv = argv
        self._username = username
        self._running = running
        self._kept = KeptLogin(self._ask, running.lifetime, running.clock)

    async def get(self) -> Login | None:
        """The login. Raises Unreachable if the command fails."""
        return await self._kept.get()

    def doubt(self, login: Login) -> None:
        """This one was refused: a newer one may do."""
        self._kept.doubt(login)

    def describe(self) -> str:
        """The program's name, without its arguments, which may hold more than is to be shown."""
        program = f"credential_command {PurePath(self._argv[0]).name}"
        return program if self._username is None else f"user {self._username} from {program}"

    async def aclose(self) -> None:
        """Ends the program if it runs."""
        await self._kept.aclose()

    async def _ask(self) -> Login:
        try:
            return credential_helper.from_command(
                await _run(self._argv, self._running.upstream, self._running), self._username
            )
        except ValueError as error:
            raise Unreachable(f"{self._running.upstream}: its credential_command {error}") from None


async def _run(argv: tuple[str, ...], server: str, running: Running) -> Ended:
    return await programs.run(argv, server.encode(), running.environment)
