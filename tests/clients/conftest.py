"""A filled origin for the session, and for each client a rig that all of its tests in one module share."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.clients.containerd import Cri, Ctr
from tests.clients.dockerd import Docker
from tests.clients.rig import ClientFactory, Filled, Rig
from tests.clients.skopeo import Skopeo
from tests.clients.storage import Buildah, Podman
from tests.support.gallery import gallery
from tests.support.origin import Origin
from tests.support.processes import LOG_TAIL, program
from tests.support.sealed import Sealed

CLIENTS: dict[str, ClientFactory] = {
    "skopeo": Skopeo,
    "ctr": Ctr,
    "cri": Cri,
    "dockerd": Docker,
    "podman": Podman,
    "buildah": Buildah,
}
LOGS = pytest.StashKey[Path]()


@pytest.fixture(scope="session")
def filled() -> Iterator[Filled]:
    """Every image of the gallery, pushed once into a directory that registries then serve."""
    home = Path(tempfile.mkdtemp(prefix="m-", dir="/tmp"))
    program("zstd")
    images = gallery(Path(program("busybox")))
    sealed = Sealed(home)
    origin = Origin(sealed, "filling", home / "registry")
    try:
        origin.start()
        origin.fill(images.values())
        origin.stop()
        yield Filled(home / "registry", images)
    finally:
        origin.stop()
        sealed.close()
        shutil.rmtree(home)


@pytest.fixture(scope="module", params=CLIENTS)
def rig(request: pytest.FixtureRequest, filled: Filled) -> Iterator[Rig]:
    """One rig for each client."""
    yield from _rig(request.node, filled, request.param)


@pytest.fixture(scope="module")
def skopeo_rig(request: pytest.FixtureRequest, filled: Filled) -> Iterator[Rig]:
    yield from _rig(request.node, filled, "skopeo")


@pytest.fixture(scope="module")
def ctr_rig(request: pytest.FixtureRequest, filled: Filled) -> Iterator[Rig]:
    yield from _rig(request.node, filled, "ctr")


def _rig(module: pytest.Module, filled: Filled, client: str) -> Iterator[Rig]:
    with Rig(filled, CLIENTS[client]) as made:
        module.stash[LOGS] = made.home
        yield made
        del module.stash[LOGS]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the ends of the daemons' logs beside a failure."""
    report = yield
    module = item.getparent(pytest.Module)
    home = module.stash.get(LOGS, None) if module is not None else None
    if report.failed and home is not None:
        for log in sorted(home.glob("*.log")):
            report.sections.append((log.name, log.read_text(errors="replace")[-LOG_TAIL:]))
    return report
