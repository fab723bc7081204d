"""podman and buildah, which keep images in containers/storage."""

from __future__ import annotations

import base64
import shutil

from tests.clients.skopeo import registries_conf
from tests.support.gallery import Published
from tests.support.images import digest_of
from tests.support.mirror_process import MirrorProcess
from tests.support.processes import checked
from tests.support.sealed import Sealed


class _Storage:
    """A root of containers/storage: what podman and buildah have in common."""

    def __init__(self, sealed: Sealed, mirror: MirrorProcess, program: str, *options: str) -> None:
        self.name = program
        self._sealed = sealed
        self._root = sealed.home / program
        self._environment = {"CONTAINERS_REGISTRIES_CONF": str(registries_conf(sealed, mirror))}
        root, run = str(self._root / "root"), str(self._root / "run")
        self._place = f"{root}+{run}"
        self._program = [program, "--root", root, "--runroot", run, "--storage-driver", "overlay", *options]

    def start(self) -> None:
        self._root.mkdir()

    def stop(self) -> None:
        return None

    def pull_command(self, reference: str) -> list[str]:
        variables = [f"{name}={value}" for name, value in self._environment.items()]
        return ["env", *variables, *self._program, "pull", "-q", reference]

    def takes(self, published: Published) -> bool:
        return not published.is_artifact

    def run(self, *arguments: str) -> bytes:
        return checked(self.name, self._sealed.run(*self._program, *arguments, more=self._environment))

    def check(self, published: Published, reference: str) -> None:
        """The manifests and the configuration as storage keeps them; the layers as skopeo reads them out of it."""
        kept = self._kept(published.chosen.config.digest.removeprefix("sha256:"))
        for manifest in published.manifests:
            assert kept[f"manifest-{manifest.digest}"] == manifest.data
        assert kept[published.chosen.config.digest] == published.chosen.config.data
        copy = self._root / "copy"
        source = f"containers-storage:[overlay@{self._place}]{reference}"
        checked("skopeo", self._sealed.run("skopeo", "copy", "-q", source, f"dir:{copy}"))
        held = {digest_of(file.read_bytes()) for file in copy.iterdir()}
        assert {layer.diff_id for layer in published.chosen.layers} <= held
        shutil.rmtree(copy)

    def _kept(self, image_id: str) -> dict[str, bytes]:
        """The files that storage keeps of an image by their keys, which it writes in base64 unless they are plain."""
        files = (self._root / "root" / "overlay-images" / image_id).iterdir()
        return {_key(file.name): file.read_bytes() for file in files}


def _key(name: str) -> str:
    return base64.b64decode(name[1:]).decode() if name.startswith("=") else name


class Podman(_Storage):
    def __init__(self, sealed: Sealed, mirror: MirrorProcess) -> None:
        super().__init__(sealed, mirror, "podman", "--cgroup-manager", "cgroupfs", "--events-backend", "none")

    def forget(self) -> None:
        self.run("rmi", "--all", "--force")

    def read(self, reference: str, path: str) -> str | None:
        limits = [f"--ulimit={kind}=1024:1024" for kind in ("nofile", "nproc")]  # what a container may set, root or not
        container = ["run", "--rm", "--network", "none", "--runtime", "runc", *limits, reference, "cat", path]
        done = self._sealed.run(*self._program, *container, more=self._environment)
        return None if b"No such file" in done.stderr else checked(self.name, done).decode()


class Buildah(_Storage):
    def __init__(self, sealed: Sealed, mirror: MirrorProcess) -> None:
        super().__init__(sealed, mirror, "buildah")

    def forget(self) -> None:
        self.run("rm", "--all")
        self.run("rmi", "--all", "--force")

    def read(self, reference: str, path: str) -> str | None:
        container = self.run("from", "--pull-never", reference).decode().strip()
        done = self._sealed.run(*self._program, "run", "--isolation", "chroot", container, "cat", path)
        self.run("rm", container)
        return None if b"No such file" in done.stderr else checked(self.name, done).decode()
