"""Twenty images of a site with a registry, pulled by the daemons of one where there is none, under the same names."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Self

import pytest

from tests.clients.client import Client
from tests.clients.containerd import Ctr
from tests.clients.dockerd import Docker
from tests.clients.rig import PULL_TIMEOUT, Filled, Rig
from tests.support.gallery import Published
from tests.support.images import AMD64, Format, gzip_layer, image, tar_of
from tests.support.mirror_process import MirrorProcess
from tests.support.processes import checked
from tests.support.sealed import Sealed
from tests.support.tiers import LONG

pytestmark = pytest.mark.timeout(900)

IMAGES, CHANGED = 20, 3
NOBODY = "http://127.0.0.1:1"  # where none listens, nor can: site B has a network of its own, and nothing in it
OWN = 500_000  # bytes of a layer that no other image has
SLACK = 1024 * 1024  # bytes
ASKED = "mirror_upstream_request_duration_seconds_count"


def published(number: int, version: int = 1) -> Published:
    """An image over a layer that all of them have; every other one of the other family, of the Hub's own or not."""
    family = (Format.OCI, Format.DOCKER)[number % 2]
    tars = [tar_of({"base": Random("base").randbytes(OWN)})]
    tars.append(tar_of({f"own-{number}": Random(f"{number} {version}").randbytes(OWN)}))
    only = image(family, AMD64, [gzip_layer(family, tar) for tar in tars])
    return Published(f"{('library', 'team/of')[number % 4 < 2]}/app{number}", f"{number}.0", only.manifest, (only,))


class Site:
    """A mirror that can reach no registry, and two daemons that know nobody but it. Used in a `with`."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="m-", dir="/tmp"))  # a short path, because of sockets
        self.sealed = Sealed(self.home)
        self.mirror = MirrorProcess.before(self.sealed, NOBODY)
        self.clients: list[Client] = [Docker(self.sealed, self.mirror), Ctr(self.sealed, self.mirror)]

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.callback(shutil.rmtree, self.home)
            stack.callback(self.sealed.close)
            stack.callback(self.mirror.stop)
            self.mirror.start()
            for client in self.clients:
                stack.callback(client.stop)
                client.start()
            self._leave = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._leave.close()

    @property
    def asked(self) -> float:
        """How often the mirror has asked any upstream, in vain or not."""
        return sum(value for (name, _), value in self.mirror.figures().items() if name == ASKED)

    def pull(self, wanted: Published) -> None:
        """By all clients, each of which then has it."""
        for client in self.clients:
            checked(client.name, self.sealed.run(*client.pull_command(wanted.by_tag), timeout=PULL_TIMEOUT))
            client.check(wanted, wanted.by_tag)

    def has_nothing(self, wanted: Published) -> bool:
        """Whether the last client cannot pull it."""
        return self.sealed.run(*self.clients[-1].pull_command(wanted.by_tag), timeout=PULL_TIMEOUT).returncode != 0


@pytest.fixture
def first(tmp_path: Path) -> Iterator[Rig]:
    """Site A, with a registry of its own."""
    with Rig(Filled(tmp_path, {}), Docker) as rig:
        yield rig


@pytest.fixture
def second() -> Iterator[Site]:
    with Site() as site:
        yield site


if LONG:  # the daemons take more than a minute for it

    def test_a_site_without_a_registry_pulls_what_another_one_has_pulled(first: Rig, second: Site) -> None:
        images = [published(number) for number in range(IMAGES)]
        first.origin.fill(images)
        for one in images:
            first.pull(one.by_tag)
        bundle, inventory, delta = (str(first.home / name) for name in ("bundle.tar", "b.inventory", "delta.tar"))
        told = json.loads(first.mirror.command("export", "--all", "--to", bundle, "--json"))
        assert sorted(image["name"] for image in told["images"]) == sorted(one.by_tag for one in images)
        assert second.has_nothing(images[0])
        before = second.asked
        assert before > 0  # it is counted, though nobody answers
        assert json.loads(second.mirror.command("import", bundle, "--json"))["blobs"] == told["blobs"]
        for one in images:
            second.pull(one)

        changed = [published(number, version=2) for number in range(CHANGED)]
        first.origin.fill(changed)
        first.mirror.with_tag_ttl("0s")
        for one in changed:
            first.pull(one.by_tag)
        second.mirror.command("inventory", "--to", inventory)
        first.mirror.command("export", "--all", "--lacking", inventory, "--to", delta)
        own = [one.chosen for one in changed]
        fresh = sum(len(blob.data) for of in own for blob in (of.config, of.layers[-1].packed, of.manifest))
        assert fresh < Path(delta).stat().st_size < fresh + SLACK
        assert json.loads(second.mirror.command("import", delta, "--json"))["blobs"] == 3 * CHANGED
        for one in (*changed, *images[CHANGED:]):
            second.pull(one)
        assert second.asked == before
