"""What containerd alone sends: the registry's name in `?ns=`, and a credential that is not for the upstream."""

from __future__ import annotations

import pytest

from tests.clients.cost import assert_each_byte_crossed_once, assert_nothing_was_asked
from tests.clients.rig import Rig
from tests.support.mirror_process import WITH_PORT

pytestmark = pytest.mark.timeout(180)


def test_the_registry_that_a_namespace_names_is_asked(ctr_rig: Rig) -> None:
    """`docker.io` has no name of one component, so it is not the default upstream that answers."""
    published = ctr_rig.gallery["top"]
    reference = f"{WITH_PORT}/{published.repository}:{published.tag}"
    ctr_rig.tap.take()
    ctr_rig.pull(reference)
    ctr_rig.client.check(published, reference)
    assert_each_byte_crossed_once(ctr_rig.tap.take(), published)


def test_a_namespace_that_is_not_configured_is_never_asked(ctr_rig: Rig) -> None:
    ctr_rig.tap.take()
    assert "not found" in ctr_rig.refused("unknown.test/library/oci:1.0")
    assert_nothing_was_asked(ctr_rig.tap.take())
