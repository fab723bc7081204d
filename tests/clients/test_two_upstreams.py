"""Two registries with the same repositories behind one mirror: whoever asks for the one never gets the other."""

from __future__ import annotations

import http.client
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.clients.containerd import Cri, Ctr
from tests.clients.dockerd import Docker
from tests.clients.rig import PULL_TIMEOUT, Filled
from tests.support.gallery import Published
from tests.support.mirror_process import DUE, FRESH, OTHER, MirrorProcess
from tests.support.origin import Origin
from tests.support.processes import checked
from tests.support.sealed import Sealed

pytestmark = pytest.mark.timeout(300)

REPOSITORY, TAG = "library/oci", "1.0"
ROUNDS = 2


class Place:
    """A mirror before two registries. In one, REPOSITORY holds one image, in the other one another image."""

    def __init__(self, filled: Filled) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="m-", dir="/tmp"))
        self.sealed = Sealed(self.home)
        self.hubs = filled.gallery["oci"]
        self.others = replace(filled.gallery["schema2"], repository=REPOSITORY, tag=TAG)
        self.hub = Origin(self.sealed, "hub", filled.directory)
        self.other = Origin(self.sealed, "other", self.home / "other-registry")
        self.mirror = MirrorProcess.before(self.sealed, self.hub.url)
        self.mirror.other_upstream = self.other.url

    @property
    def by_path(self) -> str:
        """The other registry's image as Docker names it, whose daemon has a mirror for the hub alone."""
        return f"{self.mirror.host}/{OTHER}/{REPOSITORY}:{TAG}"

    @property
    def by_name(self) -> str:
        return f"{OTHER}/{REPOSITORY}:{TAG}"

    def status(self, target: str) -> tuple[int, bytes]:
        """What the mirror itself answers."""

        def ask() -> tuple[int, bytes]:
            connection = http.client.HTTPConnection("127.0.0.1", self.mirror.port, timeout=30)
            try:
                connection.request("GET", target)
                answer = connection.getresponse()
                return answer.status, answer.read()
            finally:
                connection.close()

        return self.sealed.call(ask)


@pytest.fixture(scope="module")
def place(filled: Filled) -> Iterator[Place]:
    made = Place(filled)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, made.home)
        stack.callback(made.sealed.close)
        for origin in (made.hub, made.other):
            stack.callback(origin.stop)
            origin.start()
        made.other.fill([made.others])
        stack.callback(made.mirror.stop)
        made.mirror.start()
        yield made


Client = Ctr | Cri | Docker


def pulls(place: Place, client: Client, images: list[tuple[str, Published]]) -> None:
    """Pull each, and compare it with what its own registry holds."""
    for reference, published in images:
        checked(client.name, place.sealed.run(*client.pull_command(reference), timeout=PULL_TIMEOUT))
        client.check(published, reference)


def namespaced(place: Place) -> list[tuple[str, Published]]:
    return [(place.hubs.by_tag, place.hubs), (place.by_name, place.others)]


@pytest.mark.parametrize("tag_ttl", [FRESH, DUE])
@pytest.mark.parametrize("kind", [Ctr, Cri], ids=["ctr", "cri"])
def test_namespaces_of_containerd_never_mix(place: Place, kind: type[Ctr] | type[Cri], tag_ttl: str) -> None:
    place.mirror.with_tag_ttl(tag_ttl)
    client = kind(place.sealed, place.mirror)
    client.start()
    try:
        for order in (1, -1) * ROUNDS:
            pulls(place, client, namespaced(place)[::order])
            client.forget()
    finally:
        client.stop()
        shutil.rmtree(place.home / "c")


def test_dockers_own_name_and_its_mirror_never_mix(place: Place) -> None:
    client = Docker(place.sealed, place.mirror)
    client.start()
    try:
        for order in (1, -1):
            pulls(place, client, [(place.hubs.by_tag, place.hubs), (place.by_path, place.others)][::order])
            client.forget()
    finally:
        client.stop()
        shutil.rmtree(place.home / "d")


def test_what_one_registry_holds_is_not_had_in_the_name_of_the_other(place: Place) -> None:
    """Digests say nothing of where they are from, and both are cached: the registry that is named has to hold it."""
    images = {"docker.io": place.hubs.chosen, OTHER: place.others.chosen}
    for namespace, image in images.items():
        assert place.status(f"/v2/{REPOSITORY}/manifests/{TAG}?ns={namespace}") == (200, image.manifest.data)
        for blob in image.blobs:
            assert place.status(f"/v2/{REPOSITORY}/blobs/{blob.digest}?ns={namespace}") == (200, blob.data)
    for namespace, other in (("docker.io", OTHER), (OTHER, "docker.io")):
        manifest = images[other].manifest
        assert place.status(f"/v2/{REPOSITORY}/manifests/{manifest.digest}?ns={namespace}")[0] == 404
        strange = {blob.digest for blob in images[other].blobs} - {blob.digest for blob in images[namespace].blobs}
        assert strange
        for digest in strange:
            assert place.status(f"/v2/{REPOSITORY}/blobs/{digest}?ns={namespace}")[0] == 404
