"""docker-registry on a loopback port for tests that need no other program, and what is pushed to it by its own API."""

from __future__ import annotations

import http.client
import re
from pathlib import Path
from urllib.parse import urlsplit

from mirror.oci.digest import Digest
from tests.support.origin import answers, configuration
from tests.support.processes import Daemon, environment, program, start

_LISTENS = re.compile(r"listening on 127\.0\.0\.1:([0-9]+)")


class Distribution:
    """`with Distribution(tmp_path) as registry:` serves at `registry.url`."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._port = 0
        self._daemon: Daemon

    def __enter__(self) -> Distribution:
        settings = self._home / "registry.yml"
        settings.write_text(configuration(self._home / "registry", "127.0.0.1:0"))
        command = [program("docker-registry"), "serve", str(settings)]
        self._daemon = start("docker-registry", command, self._home / "registry.log", environment(self._home))
        try:
            self._daemon.wait_ready(self._listens)
            self._daemon.wait_ready(lambda: answers(self.url + "/v2/"))
        except BaseException:
            self._daemon.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._daemon.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def _listens(self) -> bool:
        said = _LISTENS.search(self._daemon.tail())
        if said is not None:
            self._port = int(said[1])
        return said is not None

    def push_blob(self, repository: str, data: bytes) -> Digest:
        digest = Digest.of(data)
        upload = urlsplit(self._ask("POST", f"/v2/{repository}/blobs/uploads/", b"", ""))
        self._ask("PUT", f"{upload.path}?{upload.query}&digest={digest}", data, "application/octet-stream")
        return digest

    def push_manifest(self, repository: str, reference: str | None, body: bytes, media_type: str) -> Digest:
        digest = Digest.of(body)
        self._ask("PUT", f"/v2/{repository}/manifests/{reference or digest}", body, media_type)
        return digest

    def _ask(self, method: str, path: str, body: bytes, media_type: str) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request(method, path, body, {"Content-Type": media_type} if media_type else {})
            answer = connection.getresponse()
            said = answer.read().decode(errors="replace")
            if answer.status not in (201, 202):
                raise AssertionError(f"the registry answered {answer.status} to {method} {path}: {said}")
            return answer.headers.get("Location") or ""
        finally:
            connection.close()
