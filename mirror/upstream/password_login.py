"""The login of a user whose password stands in the configuration, in a file or in the environment."""

from __future__ import annotations

from collections.abc import Mapping

from mirror.config.settings import Upstream
from mirror.errors import Unreachable
from mirror.upstream.login import Login, from_pair
from mirror.upstream.watched_file import Secret, WatchedFile

_LARGEST = 64 * 1024  # bytes; some clouds' passwords are tokens of several KiB


class PasswordLogin:
    """`username` is that of `upstream`, which is called `name` in messages and says where the password is."""

    def __init__(self, name: str, username: str, upstream: Upstream, environment: Mapping[str, str]) -> None:
        self._name = name
        self._username = username
        self._password = upstream.password
        self._variable = upstream.password_env or ""
        self._environment = environment
        self._file = None
        if upstream.password is not None:
            self.source = "password"
        elif upstream.password_file is not None:
            self.source = "password_file"
            self._file = WatchedFile(name, upstream.password_file, Secret("password_file", _LARGEST, _password))
        else:
            self.source = "password_env"

    async def get(self) -> Login:
        """The login as it is now. Raises Unreachable if there is no password where one should be."""
        try:
            return from_pair(self._username, await self._secret())
        except ValueError as error:
            raise Unreachable(f"{self._name}: its {self.source} {error}") from None

    def doubt(self, login: Login) -> None:
        """What there is is looked at every time."""

    def describe(self) -> str:
        """Who logs in, and where the password is."""
        return f"user {self._username} from {self.source}"

    async def aclose(self) -> None:
        """Ends the look at the file, if one is under way."""
        if self._file is not None:
            await self._file.aclose()

    async def _secret(self) -> str:
        if self._password is not None:
            return self._password.get_secret_value()
        if self._file is not None:
            return await self._file.current()
        found = self._environment.get(self._variable)
        if not found:
            raise ValueError("names an environment variable that is not set, or empty")
        return found


def _password(content: bytes) -> str:
    try:
        password = content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError("is not text") from None
    if not password:
        raise ValueError("is empty")
    return password
