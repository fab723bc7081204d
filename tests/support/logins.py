"""How a fake registry asks for a login: HTTP Basic, or the token handshake of the distribution specification."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from tests.support.wire import Reply, Seen, oci_error


def basic(username: str, password: str) -> str:
    """The value of `Authorization` for this user."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


@dataclass(slots=True)
class BasicLogin:
    username: str
    password: str

    def admits(self, seen: Seen, scope: str) -> bool:
        return seen.headers.get("authorization") == basic(self.username, self.password)

    def challenge(self, realm: str, scope: str) -> str:
        return 'Basic realm="a registry"'


@dataclass(slots=True)
class BearerLogin:
    """Tokens for whoever comes (no user), or for one user; each is good for its scope until it expires."""

    user: tuple[str, str] | None = None
    expires_in: int | None = 300  # None: the answer does not say, and the token lives 60 s
    service: str = "registry.test"
    clock: Callable[[], float] = time.monotonic
    issued: int = 0
    _tokens: dict[str, tuple[str, float]] = field(default_factory=dict)

    def admits(self, seen: Seen, scope: str) -> bool:
        kind, _, token = seen.headers.get("authorization", "").partition(" ")
        granted, ends = self._tokens.get(token, ("", 0.0))
        return kind == "Bearer" and granted == scope and self.clock() < ends

    def challenge(self, realm: str, scope: str) -> str:
        return f'Bearer realm="{realm}",service="{self.service}",scope="{scope}"'

    def revoke(self) -> None:
        """Every token given out so far is worthless."""
        self._tokens.clear()

    def issue(self, seen: Seen) -> Reply:
        asked = parse_qs(seen.query)
        if self.user is not None and seen.headers.get("authorization") != basic(*self.user):
            return oci_error(401, "UNAUTHORIZED")
        if asked.get("service") != [self.service]:
            return oci_error(400, "UNSUPPORTED")
        self.issued += 1
        token = f"token-{self.issued}"
        lifetime = 60 if self.expires_in is None else self.expires_in
        self._tokens[token] = (asked.get("scope", [""])[0], self.clock() + lifetime)
        answer: dict[str, object] = {"token": token}
        if self.expires_in is not None:
            answer["expires_in"] = self.expires_in
        return Reply(200, {"Content-Type": "application/json"}, json.dumps(answer).encode())
