"""What one site has pulled, carried to one whose registries are out of reach, and pulled there by the same names."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator

import pytest

from tests.clients.containerd import Ctr
from tests.clients.dockerd import Docker
from tests.clients.rig import ClientFactory, Filled, Rig
from tests.clients.skopeo import Skopeo
from tests.support.mirror_process import DUE
from tests.support.tiers import LONG, count

pytestmark = pytest.mark.timeout(240)

NAMES = ["schema2", "index", "nested", "list", "oci", "pinned-list", "pinned-oci", "many", "big-cut", "big-shared"]


CLIENTS: list[ClientFactory] = [Skopeo, Docker, Ctr] if LONG else [Skopeo]  # the daemons take half a minute


@pytest.fixture(scope="module", params=CLIENTS, ids=lambda client: client.name)
def client_rig(request: pytest.FixtureRequest, filled: Filled) -> Iterator[Rig]:
    with Rig(filled, request.param) as made:
        yield made


def test_a_client_pulls_what_was_carried_where_no_registry_is(client_rig: Rig) -> None:
    rig, bundle = client_rig, str(client_rig.home / "bundle.tar")
    images = [rig.gallery[name] for name in NAMES[: count(3, len(NAMES))]]
    for image in images:
        rig.pull(image.by_tag)
    told = json.loads(rig.mirror.command("export", "--all", "--to", bundle, "--json"))
    assert {image.by_tag for image in images} <= {image["name"] for image in told["images"]}
    with rig.origin_stopped():
        rig.mirror.stop()
        shutil.rmtree(rig.mirror.root)
        rig.mirror.start(DUE)  # each pull asks for the tag, in vain
        rig.client.forget()
        assert rig.refused(images[0].by_tag)
        assert json.loads(rig.mirror.command("import", bundle, "--json"))["blobs"] == told["blobs"]
        for image in images:
            rig.pull(image.by_tag)
            rig.client.check(image, image.by_tag)
