"""A tag that moves, as real clients see it: noted, told, rolled back at once, and the registry's again in the end."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from tests.clients.cost import assert_nothing_was_asked
from tests.clients.rig import Rig
from tests.support.gallery import Published
from tests.support.hooks import Posted, SealedHook, hooked_inside
from tests.support.mirror_process import DUE, PROJECT
from tests.support.processes import checked
from tests.support.tiers import LONG

CLIENTS = ["dockerd", "skopeo"] if LONG else ["dockerd"]
VERSIONS = ("oci", "schema2", "index", "list")  # the tag is found, and moves three times
SECRET = b"between the two of us"

pytestmark = [pytest.mark.timeout(180), pytest.mark.parametrize("rig", CLIENTS, indirect=True)]


@pytest.fixture
def receiver(rig: Rig) -> Iterator[SealedHook]:
    """The web hook of the mirror's, which checks each tag when it is asked for."""
    secret = rig.home / "secret"
    secret.write_bytes(SECRET + b"\n")
    with hooked_inside(rig.sealed) as hook:
        # One that is slow must not be told twice.
        endpoint = {"url": f"{hook.url}/hook", "secret_file": str(secret), "timeout": "60s"}
        rig.mirror.settings = {"NOTIFICATIONS__ENDPOINTS": json.dumps([endpoint])}
        rig.mirror.stop()
        rig.mirror.start(DUE)
        yield hook


def operate(rig: Rig, *arguments: str) -> dict[str, Any]:
    """What a command of the mirror's says, of the one that runs."""
    url = f"http://127.0.0.1:{rig.mirror.admin_port}"
    environment = ["env", f"PYTHONPATH={PROJECT}"]
    command = [*environment, sys.executable, "-m", "mirror", arguments[0], "--url", url, "--json", *arguments[1:]]
    document: dict[str, Any] = json.loads(checked("mirror", rig.sealed.run(*command)))
    return document


def pull_and_check(rig: Rig, published: Published) -> None:
    """By the tag."""
    rig.pull(published.by_tag)
    rig.client.check(published, published.by_tag)


def test_three_moves_are_noted_and_told_and_a_rollback_is_the_former_image_at_once(
    rig: Rig, receiver: SealedHook
) -> None:
    versions = [replace(rig.gallery[name], repository="team/app", tag="prod") for name in VERSIONS]
    name, digests = versions[0].by_tag, [version.root.digest for version in versions]
    for version in versions:
        rig.origin.fill([version])
        pull_and_check(rig, version)
    history = operate(rig, "tags", "--history", name)["moves"]
    assert [(move["old"], move["new"]) for move in reversed(history)] == [(None, digests[0]), *pairwise(digests)]
    rig.client.forget()
    rig.tap.take()
    assert operate(rig, "rollback", name)["given"] == digests[2]
    pull_and_check(rig, versions[2])
    assert_nothing_was_asked(rig.tap.take())
    if LONG:
        an_outage_makes_no_difference(rig, versions)
    rig.mirror.stop()  # before its end it tells what it has not told yet
    assert_each_move_was_told(receiver.came(3), versions)


def assert_each_move_was_told(posted: list[Posted], versions: list[Published]) -> None:
    """Once each, in their order, by somebody who knows the secret; and nothing else."""
    events = [one.event for one in posted]
    moves = [(event["target"]["previousDigest"], event["target"]["digest"]) for event in events]
    assert moves == list(pairwise(version.root.digest for version in versions))
    assert len({event["id"] for event in events}) == len(events)
    for one, version in zip(posted, versions[1:], strict=True):
        target = one.event["target"]
        assert one.is_signed_with(SECRET)
        assert (one.event["action"], target["repository"], target["tag"]) == ("push", "docker.io/team/app", "prod")
        assert (target["mediaType"], target["size"]) == (version.root.media_type, len(version.root.data))


def an_outage_makes_no_difference(rig: Rig, versions: list[Published]) -> None:
    """Another rollback while there is no registry; and the registry's word again once there is."""
    name, first = versions[0].by_tag, versions[0].root.digest
    with rig.origin_stopped():
        assert operate(rig, "rollback", "--to", first, name)["given"] == first
        rig.client.forget()
        pull_and_check(rig, versions[0])
    operate(rig, "unpin-tag", name)
    rig.mirror.stop()
    rig.mirror.start(DUE)  # one that remembers the outage leaves the registry alone for a while
    rig.client.forget()
    pull_and_check(rig, versions[-1])
