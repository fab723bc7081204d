"""skopeo, which copies into a directory every byte as it came, and umoci, which unpacks such a copy."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support.gallery import Published
from tests.support.images import Content
from tests.support.mirror_process import MirrorProcess
from tests.support.processes import checked
from tests.support.sealed import Sealed

_REGISTRIES = """\
unqualified-search-registries = ["docker.io"]
[[registry]]
prefix = "docker.io"
location = "127.0.0.1:9/nobody"
insecure = true
[[registry.mirror]]
location = "{mirror}"
insecure = true
"""


def registries_conf(sealed: Sealed, mirror: MirrorProcess) -> Path:
    """A registries.conf whose only registry is the mirror: behind it stands a port where nobody listens."""
    path = sealed.home / "registries.conf"
    path.write_text(_REGISTRIES.format(mirror=mirror.host))
    return path


class Skopeo:
    """Copies go to `dir:`, one directory a reference."""

    name = "skopeo"

    def __init__(self, sealed: Sealed, mirror: MirrorProcess) -> None:
        self._sealed = sealed
        self._copies = sealed.home / "skopeo"
        # skopeo 1.9 reads no CONTAINERS_REGISTRIES_CONF and would go to the hub without a word.
        self._skopeo = ["skopeo", "--registries-conf", str(registries_conf(sealed, mirror))]

    def start(self) -> None:
        self._copies.mkdir()

    def stop(self) -> None:
        return None

    def pull_command(self, reference: str) -> list[str]:
        return self.copy_command(reference, self.copy(reference))

    def copy_command(self, reference: str, directory: Path) -> list[str]:
        return [*self._skopeo, "copy", "-q", f"docker://{reference}", f"dir:{directory}"]

    def forget(self) -> None:
        shutil.rmtree(self._copies)
        self._copies.mkdir()

    def takes(self, published: Published) -> bool:
        return True

    def check(self, published: Published, reference: str) -> None:
        self.check_copy(published, self.copy(reference))

    def check_copy(self, published: Published, directory: Path) -> None:
        """One image: the manifest under its own name, blobs by digest, and nothing else."""
        chosen = published.chosen
        assert files_in(directory) == {"manifest.json": chosen.manifest.data} | _by_digest(chosen.blobs)

    def check_whole_copy(self, published: Published, directory: Path) -> None:
        """An index with all its images, which skopeo copies with `--all`."""
        manifests = {f"{_hex(image.manifest)}.manifest.json": image.manifest.data for image in published.images}
        blobs = _by_digest(tuple(blob for image in published.images for blob in image.blobs))
        assert files_in(directory) == {"manifest.json": published.root.data} | manifests | blobs

    def ask(self, *arguments: str) -> bytes:
        """What another command of skopeo prints."""
        return checked("skopeo", self._sealed.run(*self._skopeo, *arguments))

    def read(self, reference: str, path: str) -> str | None:
        """The file after umoci, which takes OCI images only, has unpacked the copy."""
        bundle = self.copy(f"bundle of {reference}")
        if not bundle.exists():
            layout = self.copy(f"layout of {reference}")
            self.ask("copy", "-q", f"dir:{self.copy(reference)}", f"oci:{layout}:one")
            checked("umoci", self._sealed.run("umoci", "unpack", "--image", f"{layout}:one", str(bundle)))
        file = bundle / "rootfs" / path.lstrip("/")
        return file.read_text() if file.exists() else None

    def copy(self, name: str) -> Path:
        """Where the copy of that name lies."""
        return self._copies / "".join(letter if letter.isalnum() else "_" for letter in name)


def files_in(copy: Path) -> dict[str, bytes]:
    """What lies in a `dir:` copy, but for the file that says what the directory is."""
    return {file.name: file.read_bytes() for file in copy.iterdir() if file.name != "version"}


def _by_digest(blobs: tuple[Content, ...]) -> dict[str, bytes]:
    return {_hex(blob): blob.data for blob in blobs}


def _hex(content: Content) -> str:
    return content.digest.removeprefix("sha256:")
