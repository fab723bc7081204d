"""A tag that moves, as real clients see it: rolled back at once, and the registry's again when that is taken back."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import Any

import pytest

from tests.clients.rig import Rig
from tests.support.gallery import Published
from tests.support.mirror_process import DUE, PROJECT
from tests.support.processes import checked
from tests.support.tiers import LONG

CLIENTS = ["dockerd", "skopeo"] if LONG else ["dockerd"]

pytestmark = [pytest.mark.timeout(180), pytest.mark.parametrize("rig", CLIENTS, indirect=True)]


def operate(rig: Rig, *arguments: str) -> dict[str, Any]:
    """What a command of the mirror's says, of the one that runs."""
    url = f"http://127.0.0.1:{rig.mirror.admin_port}"
    environment = ["env", f"PYTHONPATH={PROJECT}"]
    command = [*environment, sys.executable, "-m", "mirror", arguments[0], "--url", url, "--json", *arguments[1:]]
    document: dict[str, Any] = json.loads(checked("mirror", rig.sealed.run(*command)))
    return document


def pull_and_check(rig: Rig, published: Published) -> None:
    """From nothing, by the tag."""
    rig.client.forget()
    rig.pull(published.by_tag)
    rig.client.check(published, published.by_tag)


def test_a_rolled_back_tag_is_the_former_image_at_once(rig: Rig) -> None:
    rig.mirror.with_tag_ttl(DUE)
    moves = [replace(rig.gallery[name], repository="team/app", tag="prod") for name in ("oci", "schema2", "index")]
    for published in moves:
        rig.origin.fill([published])
        pull_and_check(rig, published)
    name = moves[0].by_tag
    digests = [published.root.digest for published in moves]
    history = operate(rig, "tags", "--history", name)["moves"]
    assert [move["new"] for move in reversed(history)] == digests
    assert operate(rig, "rollback", name)["given"] == digests[1]
    pull_and_check(rig, moves[1])
    if LONG:
        an_outage_makes_no_difference(rig, moves)


def an_outage_makes_no_difference(rig: Rig, moves: list[Published]) -> None:
    """Another rollback while there is no registry; and the registry's word again once there is."""
    name, first = moves[0].by_tag, moves[0].root.digest
    with rig.origin_stopped():
        assert operate(rig, "rollback", "--to", first, name)["given"] == first
        pull_and_check(rig, moves[0])
    operate(rig, "unpin-tag", name)
    rig.mirror.stop()
    rig.mirror.start(DUE)  # one that remembers the outage leaves the registry alone for a while
    pull_and_check(rig, moves[2])
