"""Docker's `config.json` as far as logins go: which one, or which credential helper, is meant for a registry. Pure.

https://docs.docker.com/reference/cli/docker/login/ and containers-auth.json(5). Keys are host names, but old files have
URLs, and Docker Hub goes by several; an entry of another registry that cannot be read hurts nobody.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from mirror.config import written
from mirror.config.registries import ALIASES
from mirror.upstream import login
from mirror.upstream.login import Kind, Login

LARGEST = 1024 * 1024  # bytes

_HUB = "docker.io"
_HUB_SERVER = "https://index.docker.io/v1/"  # what Docker calls Docker Hub before credential helpers
_VERSIONS = frozenset({"", "v1", "v2"})  # paths that belong to a whole registry, and not to a part of it


@dataclass(frozen=True, slots=True)
class Helper:
    """`docker-credential-<name>`, and what it is asked for: `servers`, until it knows one of them."""

    name: str
    servers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DockerConfig:
    """What one file says, not yet looked into."""

    auths: Mapping[str, object] = field(default_factory=dict, repr=False)
    helpers: Mapping[str, object] = field(default_factory=dict)
    store: object = None

    def helper(self, registries: Sequence[str]) -> Helper | None:
        """The helper that is named for the first of `registries` that has one, else the store for all of them.

        None where there is neither, or where the name is empty, which is how an entry says `not the store` (Docker's
        cli/config/configfile/file.go). ValueError, a predicate, if its name is none that a program could have.
        """
        for registry in registries:
            key = _find(self.helpers, registry)
            if key is not None:
                named = self.helpers[key]
                return None if named == "" else Helper(_program(named), (server(registry),))
        if self.store in (None, ""):
            return None
        return Helper(_program(self.store), tuple(dict.fromkeys(self._stored_as(one) for one in registries)))

    def login(self, registries: Sequence[str]) -> Login | None:
        """The login that stands in the file for the first of `registries` that has one; ValueError, a predicate."""
        for registry in registries:
            key = _find(self.auths, registry)
            found = None if key is None else _login(self.auths[key])
            if found is not None:
                return found
        return None

    def _stored_as(self, registry: str) -> str:
        """Who logs in leaves an empty entry under the name that the store was given."""
        return server(registry) if _canonical(registry) == _HUB else _find(self.auths, registry) or registry


def parse(content: bytes) -> DockerConfig:
    """The logins of a file with this content; ValueError, a predicate, if it is no configuration of Docker's."""
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise ValueError("is not JSON") from None
    if not isinstance(document, dict):
        raise ValueError("is no JSON object")
    auths, helpers = document.get("auths") or {}, document.get("credHelpers") or {}
    if not isinstance(auths, dict) or not isinstance(helpers, dict):
        raise ValueError("has `auths` or `credHelpers` that are no JSON objects")
    return DockerConfig(auths, helpers, document.get("credsStore"))


def server(registry: str) -> str:
    """What a credential helper is asked for when a login for `registry` is wanted."""
    return _HUB_SERVER if _canonical(registry) == _HUB else registry


def _find(entries: Mapping[str, object], registry: str) -> str | None:
    """The key that means this registry: as it is, else in another spelling, else that of a part of the registry."""
    if registry in entries:
        return registry
    wanted = _canonical(registry)
    same = [key for key in entries if _canonical(key) == wanted]
    return min(same, key=_is_part, default=None)


def _canonical(key: str) -> str:
    host = _rest(key).partition("/")[0].lower()
    return ALIASES.get(host, host)


def _is_part(key: str) -> bool:
    return _rest(key).partition("/")[2].strip("/") not in _VERSIONS


def _rest(key: str) -> str:
    before, scheme, behind = key.partition("://")
    return behind if scheme else before


def _program(name: object) -> str:
    try:
        return written.program_name(name if isinstance(name, str) else "")
    except ValueError:
        raise ValueError("names a credential helper that no program could be called") from None


def _login(entry: object) -> Login | None:
    """Tokens before passwords, as Docker does; None for an entry that only says that somebody has logged in."""
    if not isinstance(entry, dict):
        raise ValueError("has an entry for it that is no JSON object")
    if entry.get("registrytoken"):
        return login.from_token(entry["registrytoken"], Kind.REGISTRY_TOKEN)
    if entry.get("identitytoken"):
        return login.from_token(entry["identitytoken"], Kind.IDENTITY_TOKEN)
    if entry.get("auth"):
        return login.from_pair(*_pair(entry["auth"]))
    if entry.get("username") or entry.get("password"):
        return login.from_pair(entry.get("username"), entry.get("password"))
    return None


def _pair(auth: object) -> tuple[str, str]:
    try:
        text = base64.b64decode(auth if isinstance(auth, str) else b"\0", validate=True).decode()
    except ValueError:
        raise ValueError("has an `auth` for it that cannot be read") from None
    username, _, password = text.partition(":")
    return username, password.strip("\x00")  # Docker for Windows once filled it up with zeros
