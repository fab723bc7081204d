"""A registry with a login, its storage, and strangers who want what is not theirs; everything they hear is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.fakes.logins import OF_A_PEER, PASSWORD, USER, MarkedLogin
from tests.fakes.registry import Registry
from tests.support.authority import Authority
from tests.support.content import Image
from tests.support.faults import Fault
from tests.support.wire import Seen

REPOSITORY = "team/app"
LAYER = bytes(range(256)) * 400
MARK = f"mark={OF_A_PEER}"


@dataclass(frozen=True, slots=True)
class Scene:
    """`home` is the upstream; `thief` (https) and `plain` (http) are other origins that hold the same image."""

    home: Registry
    thief: Registry
    plain: Registry
    image: Image
    login: MarkedLogin

    @property
    def steal(self) -> str:
        """Where the thief would like to be asked for a token."""
        return f"{self.thief.url}/token?{MARK}"

    def captured(self, *peers: Registry) -> str:
        """Every byte that these have been sent, as far as HTTP carries it."""
        return "\n".join(_words(seen) for peer in peers for seen in peer.requests)

    def captured_by_storage(self) -> str:
        return "\n".join(_words(seen) for seen in self.home.requests if seen.origin == "cdn")

    def captured_by_home(self) -> str:
        return "\n".join(_words(seen) for seen in self.home.requests if seen.origin == "main")

    def lure(self, challenge: str, times: int | None = None, path: str = "/v2/") -> None:
        """Home's answers are refusals with this challenge."""
        self.home.fail(Fault(status=401, headers={"WWW-Authenticate": challenge}), path=path, times=times)

    def lead(self, location: str, path: str = "/v2/", status: int = 307) -> None:
        """Home redirects whatever has this in its path."""
        self.home.fail(Fault(status=status, headers={"Location": location}), path=path, times=None)


@asynccontextmanager
async def staged(authority: Authority) -> AsyncIterator[Scene]:
    """Everybody in place; home wants a token, which it gives to whoever shows the login."""
    tls = authority.server("127.0.0.1")
    async with Registry(tls=tls) as home, Registry(tls=tls) as thief, Registry() as plain:
        image = home.push_image(REPOSITORY, "v1", [LAYER])
        home.push_index(REPOSITORY, "index", [image])
        for other in (thief, plain):
            other.push_image(REPOSITORY, "v1", [LAYER])
        home.login = login = MarkedLogin((USER, PASSWORD))
        yield Scene(home, thief, plain, image, login)


def _words(seen: Seen) -> str:
    headers = "\n".join(f"{name}: {value}" for name, value in seen.headers.items())
    return f"{seen.method} {seen.target}\n{headers}\n{seen.body.decode('latin-1')}"
