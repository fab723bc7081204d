"""A registry as it is met on its worst day: it moves tags, refuses HEAD, limits pulls, lies, and breaks framing.

What a correct one answers comes from `tests.support.registry`; the README beside this file says what can go wrong.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qs

from mirror.oci.digest import Digest
from tests.support.content import OCI_INDEX
from tests.support.faults import Fault
from tests.support.logins import BearerLogin
from tests.support.raw import Script, play
from tests.support.registry import FakeRegistry
from tests.support.wire import Reply, Seen, oci_error, send

Act = Callable[[Seen], None]


@dataclass(slots=True)
class _Turn:
    """Something that happens to requests whose method and path match, so many times (None: for ever)."""

    method: str
    fragment: str
    times: int | None

    def takes(self, seen: Seen) -> bool:
        """Whether this is one of them; counts it if so."""
        if self.times == 0 or not seen.matches(self.method, self.fragment):
            return False
        if self.times is not None:
            self.times -= 1
        return True


class Registry(FakeRegistry):
    """`async with Registry() as registry:`; all of `FakeRegistry`, and what is told apart below.

    The attributes may be changed at any time.
    """

    def __init__(self, host: str = "127.0.0.1", cdn_host: str | None = None, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(host, cdn_host, tls)
        self.headers: Mapping[str, str] = {}  # on each answer of the API: `ratelimit-remaining` and the like
        self.heads = True  # HEAD is answered, else 405
        self.referrers = False  # the referrers API is there, else 404
        self._attached: dict[tuple[str, str], list[dict[str, object]]] = {}
        self._scripts: list[tuple[_Turn, Script]] = []
        self._acts: list[tuple[_Turn, Act]] = []

    @property
    def port(self) -> int:
        return self._main.port

    def play(self, script: Script, method: str = "", path: str = "", times: int | None = 1) -> None:
        """The next `times` such requests that meet no fault are answered with these bytes, which need not be HTTP."""
        self._scripts.append((_Turn(method, path, times), script))

    def before(self, act: Act, method: str = "", path: str = "", times: int | None = 1) -> None:
        """`act` is called when such a request has come, before it is answered: it may move a tag, revoke, redirect."""
        self._acts.append((_Turn(method, path, times), act))

    def heal(self) -> None:
        super().heal()
        self._scripts.clear()
        self._acts.clear()

    def move_tag(self, repository: str, tag: str, digest: Digest) -> None:
        """The tag names another manifest, which has been pushed, from now on."""
        self._tags[repository][tag] = str(digest)

    def attach(self, repository: str, subject: Digest, referrer: Mapping[str, object]) -> None:
        """The descriptor of a referrer, listed by the API in the order of coming."""
        self._attached.setdefault((repository, str(subject)), []).append(dict(referrer))

    async def _answered(self, seen: Seen, writer: asyncio.StreamWriter) -> bool:
        for turn, act in self._acts:
            if turn.takes(seen):
                act(seen)
        fault = self._fault_for(seen)
        if fault == Fault():
            for turn, script in self._scripts:
                if turn.takes(seen):
                    return await _played(script, writer)
        return await send(writer, seen, self._reply(seen, fault), fault)

    def _reply(self, seen: Seen, fault: Fault) -> Reply:
        reply = self._worded(seen, fault)
        return replace(reply, headers={**reply.headers, **self.headers}) if seen.origin == "main" else reply

    def _worded(self, seen: Seen, fault: Fault) -> Reply:
        if (seen.method, seen.path) == ("POST", "/token") and isinstance(self.login, BearerLogin):
            return self.login.issue(seen)  # as those who show an identity token ask for one
        if seen.method == "HEAD" and not self.heads:
            return oci_error(405, "UNSUPPORTED")
        reply = super()._reply(seen, fault)
        if reply.status == 404 and "/referrers/" in seen.path and self.referrers:
            return self._referrers(seen)
        return reply

    def _referrers(self, seen: Seen) -> Reply:
        repository, _, subject = seen.path.removeprefix("/v2/").partition("/referrers/")
        listed = self._attached.get((repository, subject), [])
        wanted = parse_qs(seen.query).get("artifactType")
        headers = {"Content-Type": OCI_INDEX}
        if wanted is not None:
            listed = [entry for entry in listed if entry.get("artifactType") in wanted]
            headers["OCI-Filters-Applied"] = "artifactType"
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": listed}
        return Reply(200, headers, json.dumps(index).encode())


async def _played(script: Script, writer: asyncio.StreamWriter) -> bool:
    """False when the connection is over."""
    for step in script:
        if not await play(step, writer):
            return False
    return True
