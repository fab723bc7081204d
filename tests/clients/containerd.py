"""containerd with hosts.toml, asked by `ctr` and, as a kubelet does, through its CRI plugin."""

from __future__ import annotations

import itertools
import shutil
import sys

from tests.support.gallery import Published
from tests.support.images import Content
from tests.support.mirror_process import OTHER, PROJECT, WITH_PORT, MirrorProcess
from tests.support.processes import Daemon, checked
from tests.support.sealed import Sealed

# What a client sends the mirror as its own credential; it has no business at the upstream or in a log.
CANARY = "canary-of-a-client"
# Those that containerd takes to the mirror; the last one the mirror does not know.
REGISTRIES = ("docker.io", WITH_PORT, OTHER, "unknown.test")
_CONFIGURATION = """\
version = 2
root = "{root}/root"
state = "{root}/state"
[grpc]
  address = "{root}/s"
[plugins."io.containerd.internal.v1.opt"]
  path = "{root}/opt"
[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "{root}/certs.d"
[plugins."io.containerd.cri.v1.images".registry]
  config_path = "{root}/certs.d"
"""
# Both lines are needed: `server` alone is misread by containerd 1.6, and without it the hub is the last host.
_HOSTS = """\
server = "http://{mirror}"
[host."http://{mirror}"]
  capabilities = ["pull", "resolve"]
  [host."http://{mirror}".header]
    Authorization = ["Basic {canary}"]
"""


class Containerd:
    """One daemon with a content store that keeps every byte as it came. Subclasses say who pulls, and where to."""

    name = "containerd"
    namespace = "default"

    def __init__(self, sealed: Sealed, mirror: MirrorProcess) -> None:
        self._sealed = sealed
        self._root = sealed.home / "c"
        self._ctr = ["ctr", "-a", f"{self._root}/s", "-n", self.namespace]
        self._mirror = mirror
        self._daemon: Daemon | None = None
        self._readers = itertools.count()

    def start(self) -> None:
        for registry in REGISTRIES:
            hosts = self._root / "certs.d" / registry
            hosts.mkdir(parents=True)
            (hosts / "hosts.toml").write_text(_HOSTS.format(mirror=self._mirror.host, canary=CANARY))
        configuration = self._root / "config.toml"
        configuration.write_text(_CONFIGURATION.format(root=self._root))
        self._daemon = self._sealed.start("containerd", ["containerd", "--config", str(configuration)])
        self._daemon.wait_ready(lambda: self._sealed.run(*self._ctr, "version").returncode == 0)

    def stop(self) -> None:
        if self._daemon is not None:
            self._daemon.stop()
            self._daemon = None

    def forget(self) -> None:
        self.stop()
        shutil.rmtree(self._root)
        self.start()

    def takes(self, published: Published) -> bool:
        return not published.is_artifact  # both ways of pulling unpack, and an artifact cannot be unpacked

    def check(self, published: Published, reference: str) -> None:
        for content in (*published.manifests, *published.chosen.blobs):
            assert self._stored(content) == content.data, f"containerd holds another {content}"
        images = self._run("images", "list", f"name=={reference}").decode().splitlines()
        assert [line.split()[2] for line in images[1:]] == [published.root.digest]

    def _stored(self, content: Content) -> bytes:
        """Read from the store's own directory, which is faster than asking `ctr content get` for each."""
        algorithm, _, encoded = content.digest.partition(":")
        store = self._root / "root" / "io.containerd.content.v1.content" / "blobs"
        return (store / algorithm / encoded).read_bytes()

    def read(self, reference: str, path: str) -> str | None:
        name = f"reader-{next(self._readers)}"  # one that was cut off leaves its container behind
        done = self._sealed.run(*self._ctr, "run", "--rm", reference, name, "/bin/cat", path)
        return None if b"No such file" in done.stderr else checked(self.name, done).decode()

    def _run(self, *arguments: str) -> bytes:
        return checked("ctr", self._sealed.run(*self._ctr, *arguments))


class Ctr(Containerd):
    name = "ctr"

    def pull_command(self, reference: str) -> list[str]:
        return [*self._ctr, "images", "pull", "--hosts-dir", f"{self._root}/certs.d", reference]


class Cri(Containerd):
    """`k8s.io` is where the plugin keeps what it pulled."""

    name = "cri"
    namespace = "k8s.io"

    def pull_command(self, reference: str) -> list[str]:
        program = str(PROJECT / "tests" / "clients" / "cri_pull.py")
        return [sys.executable, program, f"{self._root}/s", reference]
