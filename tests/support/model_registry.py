"""A registry that remembers what it has told of which content, in words that a model can reason with."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.fakes.registry import Registry
from tests.support.faults import Fault
from tests.support.logins import BasicLogin
from tests.support.wire import Reply, Seen

_ASKED = re.compile(r"/v2/(?P<repository>.+)/(?P<kind>manifests|blobs)/(?P<reference>[^/]+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Told:
    """An answer; `status` 0: none at all. With 200 or 206 there is a `digest`. `when`: by the wall clock of who asked.

    `usable`: what is told by it can be told; `sound`: it has to be understood, because nothing at all is wrong with it.
    `false`: bytes of it are others than they should be.
    """

    repository: str
    kind: str
    reference: str
    method: str
    status: int
    digest: str | None
    usable: bool
    sound: bool
    false: bool
    when: float


@dataclass(slots=True)
class Account(BasicLogin):
    """One user, who may not read every repository."""

    refused: set[str] = field(default_factory=set)  # scopes

    def admits(self, seen: Seen, scope: str) -> bool:
        return scope not in self.refused and BasicLogin.admits(self, seen, scope)


class TellingRegistry(Registry):
    """`told` is everything since it was last cleared; `proven` all that was ever affirmed."""

    def __init__(self, wall: Callable[[], float], account: Account) -> None:
        super().__init__()
        self.login: Account = account
        self.told: list[Told] = []
        self.proven: set[tuple[str, str]] = set()  # repository, digest
        self._wall = wall

    def refuse(self, repository: str) -> None:
        self.login.refused.add(f"repository:{repository}:pull")

    def admit(self, repository: str) -> None:
        self.login.refused.discard(f"repository:{repository}:pull")

    def refuses(self, repository: str) -> bool:
        return f"repository:{repository}:pull" in self.login.refused

    def tag(self, repository: str, tag: str) -> str | None:
        """The digest that a tag names now."""
        return self._tags.get(repository, {}).get(tag)

    def has(self, repository: str, kind: str, digest: str) -> bool:
        return (repository, digest) in (self._manifests if kind == "manifests" else self._blobs)

    def _worded(self, seen: Seen, fault: Fault) -> Reply:
        reply = super()._worded(seen, fault)
        asked = _ASKED.fullmatch(seen.path)
        if asked is not None:
            status = 0 if fault.drop else reply.status
            digest = reply.headers.get("Docker-Content-Digest") if status in (200, 206) else None
            if digest is not None:
                self.proven.add((asked["repository"], digest))
            usable = digest is not None and (seen.method == "HEAD" or _arrives(reply.body, fault))
            sound = usable and not fault.headers and not fault.chunked and fault.reset_at is None
            repository, kind, reference = asked["repository"], asked["kind"], asked["reference"]
            false = fault.spoil(reply.body) != reply.body
            word = Told(repository, kind, reference, seen.method, status, digest, usable, sound, false, self._wall())
            self.told.append(word)
        return reply


def _arrives(body: bytes, fault: Fault) -> bool:
    """Whether every byte of it may arrive as it is."""
    ends = [position for position in (fault.cut_at, fault.reset_at) if position is not None]
    return fault.spoil(body) == body and all(end >= len(body) for end in ends)
