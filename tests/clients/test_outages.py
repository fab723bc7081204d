"""The registry is gone and the mirror dies: whatever was pulled before pulls again, as soon as the mirror is back."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from tests.clients.rig import Rig
from tests.support.gallery import Published
from tests.support.mirror_process import DUE, MirrorProcess

pytestmark = [pytest.mark.timeout(300), pytest.mark.parametrize("rig", ["dockerd", "ctr"], indirect=True)]

NAMES = ("schema2", "oci", "list", "index", "zstd", "many", "nested")
ENDS: Mapping[str, Callable[[MirrorProcess], None]] = {"SIGTERM": MirrorProcess.stop, "SIGKILL": MirrorProcess.kill}


def images(rig: Rig) -> list[Published]:
    return [published for name in NAMES if rig.client.takes(published := rig.gallery[name])]


def restarted(rig: Rig) -> None:
    """A mirror that remembers no earlier outage: one that does leaves the registry alone for a while."""
    rig.mirror.stop()
    rig.mirror.start(DUE)


def pull_and_check(rig: Rig) -> None:
    """Every image by its tag, from nothing."""
    rig.client.forget()
    for published in images(rig):
        rig.pull(published.by_tag)
        rig.client.check(published, published.by_tag)


@pytest.mark.parametrize("end", ENDS)
def test_what_was_pulled_outlives_the_registry_and_the_mirrors_death(rig: Rig, end: str) -> None:
    restarted(rig)
    for published in images(rig):
        rig.pull(published.by_tag)
    with rig.origin_stopped():
        ENDS[end](rig.mirror)
        rig.mirror.start(DUE)
        pull_and_check(rig)
        rig.refused("docker.io/library/never-pulled:1.0")


def test_a_mirror_that_dies_while_it_is_asked_serves_what_it_has(rig: Rig) -> None:
    """Killed with a body half way, it holds everything else; and the rest of that body once the registry is back."""
    published, kept = rig.gallery["big-killed"], images(rig)[0]
    restarted(rig)
    rig.pull(kept.by_tag)
    layer = published.chosen.layers[-1].packed
    gate = rig.tap.hold(layer.digest, len(layer.data) // 2)
    pulling = rig.pulling(published.by_tag)
    gate.wait()
    rig.mirror.kill()
    pulling.stop()
    gate.cut()
    with rig.origin_stopped():
        rig.mirror.start(DUE)
        rig.client.forget()
        rig.pull(kept.by_tag)
        rig.client.check(kept, kept.by_tag)
    restarted(rig)
    rig.pull(published.by_tag)
    rig.client.check(published, published.by_tag)
