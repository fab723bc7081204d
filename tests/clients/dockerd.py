"""Docker's daemon with `registry-mirrors`, and the docker command that talks to it."""

from __future__ import annotations

import json
import shutil

from tests.clients.archive import check_archive
from tests.support.gallery import Published
from tests.support.mirror_process import MirrorProcess
from tests.support.processes import Daemon, checked
from tests.support.sealed import Sealed

ZSTD_SINCE = 23  # the first version of the daemon that unpacks such layers


class Docker:
    name = "dockerd"

    def __init__(self, sealed: Sealed, mirror: MirrorProcess) -> None:
        self._sealed = sealed
        self._mirror = mirror
        self._root = sealed.home / "d"
        self._socket = f"unix://{sealed.home}/d.sock"
        self._docker = ["docker", "-H", self._socket]
        self._daemon: Daemon | None = None
        self._version = 0

    def start(self) -> None:
        places = [
            "--data-root",
            f"{self._root}/data",
            "--exec-root",
            f"{self._root}/exec",
            "--pidfile",
            f"{self._root}/pid",
        ]
        no_network = ["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"]
        self._root.mkdir(exist_ok=True)
        self._daemon = self._sealed.start(
            "dockerd",
            ["dockerd", *places, "-H", self._socket, *no_network, "--registry-mirror", f"http://{self._mirror.host}"],
            # The hub, which a daemon asks when its mirror fails, is not there either: the network is sealed.
            {"HTTPS_PROXY": "http://127.0.0.1:9"},
        )
        self._daemon.wait_ready(lambda: self._sealed.run(*self._docker, "version").returncode == 0)
        self._version = int(self._run("version", "--format", "{{.Server.Version}}").split(b".")[0])

    def stop(self) -> None:
        if self._daemon is not None:
            self._daemon.stop()
            self._daemon = None

    def pull_command(self, reference: str) -> list[str]:
        return [*self._docker, "pull", "-q", reference]

    def forget(self) -> None:
        """A new data directory: the daemon's store of manifests survives the removal of images."""
        self.stop()
        shutil.rmtree(self._root)
        self.start()

    def takes(self, published: Published) -> bool:
        return not published.is_artifact and (not published.is_zstd or self._version >= ZSTD_SINCE)

    def check(self, published: Published, reference: str) -> None:
        (held,) = json.loads(self._run("image", "inspect", reference))
        assert [digest.partition("@")[2] for digest in held["RepoDigests"]] == [published.root.digest]
        assert held["Id"] in (published.chosen.config.digest, published.root.digest)
        check_archive(self._run("save", reference), published.chosen)

    def read(self, reference: str, path: str) -> str | None:
        done = self._sealed.run(*self._docker, "run", "--rm", "--network", "none", reference, "cat", path)
        return None if b"No such file" in done.stderr else checked(self.name, done).decode()

    def _run(self, *arguments: str) -> bytes:
        return checked("docker", self._sealed.run(*self._docker, *arguments))
