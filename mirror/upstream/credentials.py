"""The user and password of one upstream, from where the operator put them. Knows no HTTP but the word Basic.

A password in a file is read again when the file changes, so that secrets can be rotated under a running mirror.
Nothing here logs, prints or raises what a secret says.
"""

from __future__ import annotations

import asyncio
import base64
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from mirror.config.settings import Upstream
from mirror.errors import Unreachable

_FILE_SIZE = 64 * 1024  # some clouds' passwords are tokens of several KiB

_log = structlog.get_logger("mirror.upstream")


@dataclass(frozen=True, slots=True)
class Login:
    """A user and a password, which `repr` does not show. Equal logins are the same identity at a registry."""

    username: str
    password: str = field(repr=False)

    def basic(self) -> str:
        """The value of `Authorization` for HTTP Basic (RFC 7617, UTF-8)."""
        pair = f"{self.username}:{self.password}".encode()
        return "Basic " + base64.b64encode(pair).decode("ascii")


class Credentials:
    """What `upstream` (called `name` in messages) is configured to log in with."""

    def __init__(self, name: str, upstream: Upstream, environment: Mapping[str, str] = os.environ) -> None:
        self._name = name
        self._upstream = upstream
        self._environment = environment
        self._read: tuple[tuple[int, int, int], str] | None = None  # (inode, size, mtime) of the file, and its text
        self._warned = False  # that what was read is used in place of what cannot be read

    @property
    def configured(self) -> bool:
        """Whether there is somebody to log in as."""
        return self._upstream.username is not None

    async def login(self) -> Login | None:
        """The login as it is now, None for an upstream that is asked anonymously.

        Unreachable if it cannot be had: that is our own trouble, and no word of the upstream against what we hold.
        """
        upstream = self._upstream
        if upstream.username is None:
            return None
        if upstream.password is not None:
            return Login(upstream.username, upstream.password.get_secret_value())
        if upstream.password_file is not None:
            password = await asyncio.to_thread(self._from_file, upstream.password_file)
            return Login(upstream.username, password)
        found = self._environment.get(upstream.password_env or "")
        if not found:
            raise Unreachable(f"{self._name}: the environment variable named by its password_env is not set, or empty")
        return Login(upstream.username, found)

    def _from_file(self, path: Path) -> str:
        """What the file says; what it said last, while it is being exchanged or cannot be used."""
        try:
            password = self._as_it_is(path)
        except ValueError as error:
            if self._read is None:
                raise Unreachable(f"{self._name}: its password_file {error}") from None
            if not self._warned:
                _log.warning("a password file cannot be used: its last password still is", upstream=self._name)
            self._warned = True
            return self._read[1]
        self._warned = False
        return password

    def _as_it_is(self, path: Path) -> str:
        """What the file says now; ValueError, a predicate, if that is no password."""
        try:
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                version = (status.st_ino, status.st_size, status.st_mtime_ns)
                if self._read is not None and self._read[0] == version:
                    return self._read[1]
                content = file.read(_FILE_SIZE + 1)
        except OSError:
            raise ValueError("cannot be read") from None
        if len(content) > _FILE_SIZE:
            raise ValueError("is too large to be a password")
        try:
            password = content.decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise ValueError("is not text") from None
        if not password:
            raise ValueError("is empty")
        if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            _log.warning("a password file is open to others than its owner", upstream=self._name, file=str(path))
        self._read = (version, password)
        return password
