"""Debian's docker-registry as the registry behind the mirror, and the few requests that fill it."""

from __future__ import annotations

import http.client
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.gallery import Published
from tests.support.images import Content, Image
from tests.support.processes import Daemon
from tests.support.sealed import Sealed

_CONFIGURATION = """\
version: 0.1
log: {{level: info, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {root}}}
http: {{addr: "{address}"}}
"""


def configuration(root: Path, address: str) -> str:
    """What a docker-registry is told that keeps its content below `root`. It logs the address that it listens on."""
    return _CONFIGURATION.format(root=root, address=address)


class Origin:
    """A docker-registry over a directory. Several may serve the same directory, as long as one of them writes."""

    def __init__(self, sealed: Sealed, name: str, root: Path) -> None:
        self._sealed = sealed
        self._name = name
        self._port = sealed.free_port()
        self._configuration = sealed.home / f"{name}.yml"
        self._configuration.write_text(configuration(root, f"127.0.0.1:{self._port}"))
        self._daemon: Daemon | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> Daemon:
        daemon = self._sealed.start(self._name, ["docker-registry", "serve", str(self._configuration)])
        daemon.wait_ready(lambda: self._sealed.call(lambda: answers(self.url + "/v2/")))
        self._daemon = daemon
        return daemon

    def stop(self) -> None:
        if self._daemon is not None:
            self._daemon.stop()
            self._daemon = None

    def fill(self, published: Iterable[Published]) -> None:
        """Push everything, blobs before the manifests that name them."""

        def push() -> None:
            pushing = _Push(self._port)
            try:
                for one in published:
                    pushing.published(one)
            finally:
                pushing.close()

        self._sealed.call(push)


def answers(url: str) -> bool:
    """Whether a GET is answered with 200. For a thread that is in the right network."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


class _Push:
    """One connection over which a repository is filled."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def close(self) -> None:
        self._connection.close()

    def published(self, published: Published) -> None:
        repository = published.repository
        for image in published.images:
            self._image(repository, image)
        self._manifest(repository, published.tag, published.root)
        for tag, manifest, images in published.attached:
            for image in images:
                self._image(repository, image)
            self._manifest(repository, tag, manifest)

    def _image(self, repository: str, image: Image) -> None:
        for blob in image.blobs:
            self._blob(repository, blob)
        self._manifest(repository, image.manifest.digest, image.manifest)

    def _blob(self, repository: str, blob: Content) -> None:
        upload = urlsplit(self._ask("POST", f"/v2/{repository}/blobs/uploads/", None))
        self._ask("PUT", f"{upload.path}?{upload.query}&digest={blob.digest}", blob)

    def _manifest(self, repository: str, reference: str, manifest: Content) -> None:
        self._ask("PUT", f"/v2/{repository}/manifests/{reference}", manifest)

    def _ask(self, method: str, path: str, content: Content | None) -> str:
        body = content.data if content else b""
        kind = content.media_type if content else "application/octet-stream"
        self._connection.request(method, path, body, {"Content-Type": kind})
        answer = self._connection.getresponse()
        said = answer.read().decode(errors="replace")
        if answer.status not in (201, 202):
            raise AssertionError(f"the origin answered {answer.status} to {method} {path}: {said}")
        return answer.headers.get("Location") or ""
