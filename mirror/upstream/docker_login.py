"""The login that Docker's `config.json` names for an upstream: written there, or given out by a credential helper."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mirror.errors import Unreachable
from mirror.upstream import docker_config
from mirror.upstream.docker_config import DockerConfig
from mirror.upstream.login import Login
from mirror.upstream.program_login import HelperLogin, Running
from mirror.upstream.watched_file import Secret, WatchedFile


class DockerLogin:
    """`registries` are the names under which the upstream may stand in the file, the best first."""

    source = "docker_config"

    def __init__(self, file: Path, registries: Sequence[str], running: Running) -> None:
        self._name = running.upstream
        self._file = WatchedFile(self._name, file, Secret("docker_config", docker_config.LARGEST, docker_config.parse))
        self._registries = registries
        self._running = running
        self._config = DockerConfig()  # what `_helper` was read from
        self._helper: HelperLogin | None = None
        self._former: list[HelperLogin] = []  # those that still ran when the file changed
        self._described = self.source

    async def get(self) -> Login | None:
        """The login as the file has it now, None if it has none: then the registry is asked anonymously.

        Raises Unreachable if the file, its entry or its helper cannot be used.
        """
        try:
            config = await self._file.current()
            if config is not self._config:
                self._read(config)
            helper = self._helper
            login = None if helper is None else await helper.get_if_known()
            if login is not None and helper is not None:
                self._described = f"{helper.describe()} from {self.source}"
                return login
            login = config.login(self._registries)
        except ValueError as error:
            raise Unreachable(f"{self._name}: its docker_config {error}") from None
        self._described = f"{login or 'anonymous: nothing for it'} {'from' if login else 'in'} {self.source}"
        return login

    def doubt(self, login: Login) -> None:
        """This one was refused: a helper may have a newer one."""
        if self._helper is not None:
            self._helper.doubt(login)

    def describe(self) -> str:
        """Who logged in last, and by whom he was named."""
        return self._described

    async def aclose(self) -> None:
        """Ends the helper if it runs, and the look at the file."""
        await self._file.aclose()
        for helper in (*self._former, *([] if self._helper is None else [self._helper])):
            await helper.aclose()

    def _read(self, config: DockerConfig) -> None:
        """The file has changed, and so may have what its helper says; who waits for the one before gets its answer."""
        named = config.helper(self._registries)
        if self._helper is not None:
            self._former.append(self._helper)
        self._former = [helper for helper in self._former if not helper.idle]
        self._helper = None if named is None else HelperLogin(named, self._running)
        self._config = config
