"""A correct, small registry as a real server on a loopback port; it can be told to fail and remembers all requests."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Sequence
from dataclasses import replace
from typing import Self
from urllib.parse import parse_qs, urlencode

from mirror.oci.digest import Digest
from tests.support import content
from tests.support.content import Image
from tests.support.faults import Fault, Planned
from tests.support.listener import Listener
from tests.support.logins import BasicLogin, BearerLogin
from tests.support.paging import tag_page
from tests.support.wire import Reply, Seen, conditional, oci_error, ranged, read_request, send

_ENDPOINT = re.compile(r"/v2/(?P<repository>.+)/(?P<kind>manifests|blobs|tags)/(?P<reference>[^/]+)", re.ASCII)


class FakeRegistry:
    """`async with FakeRegistry() as registry:` serves at `registry.url`; blobs may be redirected to `registry.cdn_url`.

    The attributes below may be changed at any time. `realm` is where tokens are to be had: our own `/token`, unless
    a test names another server.
    """

    def __init__(self, host: str = "127.0.0.1", cdn_host: str | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Seen] = []
        self.redirects = False  # blobs are answered with a 307 to the second origin
        self.ranges = True  # Range is honoured
        self.conditional = True  # If-None-Match is
        self.chunked = False  # blobs come without Content-Length
        self.login: BasicLogin | BearerLogin | None = None
        self.realm = ""
        self.cdn_name = cdn_host or host  # the host in redirects, which may be a name for the second origin's address
        self._host, self._tls = host, tls
        self._main = Listener(self._serve_main, host, tls=tls)
        self._cdn = Listener(self._serve_cdn, self.cdn_name, tls=tls)
        self._blobs: dict[tuple[str, str], bytes] = {}
        self._manifests: dict[tuple[str, str], tuple[bytes, str]] = {}
        self._tags: dict[str, dict[str, str]] = {}
        self._planned: list[Planned] = []
        self._signature = 1
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._main.aclose()
        await self._cdn.aclose()

    async def start(self) -> None:
        """Serves; after a `stop` at the same URLs again."""
        await self._main.start()
        await self._cdn.start()
        self.realm = self.realm or f"{self.url}/token"

    async def stop(self) -> None:
        """Closes the ports and breaks every open connection."""
        await self._main.stop()
        await self._cdn.stop()

    @property
    def url(self) -> str:
        return f"{self._scheme}://{_written(self._host)}:{self._main.port}"

    @property
    def cdn_url(self) -> str:
        return f"{self._scheme}://{_written(self.cdn_name)}:{self._cdn.port}"

    def named(self, host: str) -> str:
        """Our URL under another name for the same address."""
        return f"{self._scheme}://{host}:{self._main.port}"

    @property
    def connections(self) -> int:
        """How many connections were ever accepted, both origins together."""
        return self._main.connections + self._cdn.connections

    # --- what it holds

    def push_blob(self, repository: str, data: bytes, algorithm: str = "sha256") -> Digest:
        digest = Digest.of(data, algorithm)
        self._blobs[repository, str(digest)] = data
        return digest

    @property
    def bytes_held(self) -> int:
        """Of blobs that were pushed."""
        return sum(map(len, self._blobs.values()))

    def push_manifest(
        self, repository: str, tag: str | None, body: bytes, media_type: str, digest: Digest | None = None
    ) -> Digest:
        """`digest` is the one that it is announced with and found under, where that is not the sha256 of its bytes."""
        digest = digest or Digest.of(body)
        self._manifests[repository, str(digest)] = (body, media_type)
        tags = self._tags.setdefault(repository, {})
        if tag is not None:
            tags[tag] = str(digest)
        return digest

    def push_image(self, repository: str, tag: str | None, layers: Sequence[bytes]) -> Image:
        config = content.config(layers)
        body = content.manifest(config, layers)
        digests = tuple(self.push_blob(repository, layer) for layer in layers)
        digest = self.push_manifest(repository, tag, body, content.OCI_MANIFEST)
        return Image(digest, body, content.OCI_MANIFEST, self.push_blob(repository, config), digests)

    def push_index(self, repository: str, tag: str | None, images: Sequence[Image]) -> Digest:
        return self.push_manifest(repository, tag, content.index(images), content.OCI_INDEX)

    def delete_tag(self, repository: str, tag: str) -> None:
        del self._tags[repository][tag]

    # --- how it behaves

    def require_bearer(
        self, username: str | None = None, password: str = "", expires_in: int | None = 300
    ) -> BearerLogin:
        self.login = BearerLogin(None if username is None else (username, password), expires_in)
        return self.login

    def require_basic(self, username: str, password: str) -> None:
        self.login = BasicLogin(username, password)

    def expire_signatures(self) -> None:
        self._signature += 1  # redirects given out so far are answered 403 by the second origin

    def fail(self, fault: Fault, method: str = "", path: str = "", times: int | None = 1) -> None:
        """The next `times` requests (None: all) with this method (empty: any) and this in their path meet the fault."""
        self._planned.append(Planned(fault, method, path, times))

    def heal(self) -> None:
        """Forgets the faults that are still to come."""
        self._planned.clear()

    # --- what it saw

    def seen(self, method: str = "", path: str = "") -> list[Seen]:
        """Requests with this method (empty: any) and this in their path; redirected blobs are below `/objects/`."""
        return [seen for seen in self.requests if seen.matches(method, path)]

    def count(self, method: str = "", path: str = "") -> int:
        return len(self.seen(method, path))

    @property
    def bytes_sent(self) -> int:
        """Body bytes of blobs that left, from both origins."""
        return sum(seen.sent for seen in self.requests if "/blobs/" in seen.path or "/objects/" in seen.path)

    async def arrived(self, method: str = "", path: str = "", times: int = 1) -> None:
        """Returns once so many such requests have come; TimeoutError after ten seconds."""
        async with asyncio.timeout(10):
            while self.count(method, path) < times:
                await self._news.wait()

    # --- how it answers

    @property
    def _scheme(self) -> str:
        return "https" if self._tls else "http"

    async def _serve_main(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._serve("main", reader, writer)

    async def _serve_cdn(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._serve("cdn", reader, writer)

    async def _serve(self, origin: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (seen := await read_request(reader, origin)) is not None:
            self.requests.append(seen)
            self._news.set()
            self._news = asyncio.Event()
            if not await self._answered(seen, writer) or seen.headers.get("connection", "").lower() == "close":
                return

    async def _answered(self, seen: Seen, writer: asyncio.StreamWriter) -> bool:
        """False when the connection is over."""
        fault = self._fault_for(seen)
        return await send(writer, seen, self._reply(seen, fault), fault)

    def _fault_for(self, seen: Seen) -> Fault:
        for planned in self._planned:
            if seen.matches(planned.method, planned.fragment):
                if planned.times is not None:
                    planned.times -= 1
                    if planned.times == 0:
                        self._planned.remove(planned)
                return planned.fault
        return Fault()

    def _reply(self, seen: Seen, fault: Fault) -> Reply:
        if fault.status is not None or fault.drop:
            return oci_error(fault.status or 500, "UNKNOWN")
        if seen.origin == "cdn":
            return self._cdn_reply(seen, fault)
        if seen.method not in ("GET", "HEAD"):
            return oci_error(405, "UNSUPPORTED", {"Connection": "close"})
        if seen.path == "/token" and isinstance(self.login, BearerLogin):
            return self.login.issue(seen)
        found = _ENDPOINT.fullmatch(seen.path)
        scope = f"repository:{found['repository']}:pull" if found else ""
        if self.login is not None and not self.login.admits(seen, scope):
            challenge = self.login.challenge(self.realm, scope)
            return oci_error(401, "UNAUTHORIZED", {"WWW-Authenticate": challenge})
        if seen.path == "/v2/":
            return Reply(200, {"Content-Type": "application/json"}, b"{}")
        if found is None:
            return oci_error(404, "UNSUPPORTED")
        if found["kind"] == "manifests":
            reply = self._manifest(found["repository"], found["reference"])
            return conditional(seen, reply) if self.conditional else reply
        if found["kind"] == "tags":
            return tag_page(seen, found["repository"], self._tags.get(found["repository"]))
        return self._blob(seen, fault, found["repository"], found["reference"])

    def _manifest(self, repository: str, reference: str) -> Reply:
        digest = self._tags.get(repository, {}).get(reference, reference)
        if (repository, digest) not in self._manifests:
            return oci_error(404, "MANIFEST_UNKNOWN")
        body, media_type = self._manifests[repository, digest]
        return Reply(200, {"Content-Type": media_type, "Docker-Content-Digest": digest, "ETag": f'"{digest}"'}, body)

    def _blob(self, seen: Seen, fault: Fault, repository: str, digest: str) -> Reply:
        data = self._blobs.get((repository, digest))
        if data is None:
            return oci_error(404, "BLOB_UNKNOWN")
        if self.redirects:
            query = urlencode({"repository": repository, "signature": f"canary-{self._signature}"})
            return Reply(307, {"Location": f"{self.cdn_url}/objects/{digest}?{query}"})
        reply = self._data(seen, fault, data)
        return replace(reply, headers={**reply.headers, "Docker-Content-Digest": digest})

    def _cdn_reply(self, seen: Seen, fault: Fault) -> Reply:
        """Like an object store: one kind of login only, signed addresses that expire, no OCI headers."""
        asked = parse_qs(seen.query)
        if "authorization" in seen.headers:
            return Reply(400, {}, b"only one auth mechanism allowed")
        if asked.get("signature") != [f"canary-{self._signature}"]:
            return Reply(403, {}, b"request has expired")
        data = self._blobs.get((asked.get("repository", [""])[0], seen.path.removeprefix("/objects/")))
        return Reply(404) if data is None else self._data(seen, fault, data)

    def _data(self, seen: Seen, fault: Fault, data: bytes) -> Reply:
        return replace(ranged(seen, data, self.ranges and not fault.whole), chunked=self.chunked)


def _written(host: str) -> str:
    """As it stands in a URL."""
    return f"[{host}]" if ":" in host else host
