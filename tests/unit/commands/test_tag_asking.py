"""Who is asked about tags: the mirror at a URL, the one that runs, or the directory of one that does not."""

from __future__ import annotations

import os
from pathlib import Path

from mirror.commands.admin_client import AdminClient
from mirror.commands.resting_tags import RestingTags
from mirror.commands.tag_asking import PAGE, RunningTags, chosen_tags
from mirror.config.addresses import ListenAddress
from mirror.pull import tag_keeping
from tests.support.tagged import IMAGE, tagged


def test_a_mirror_that_runs_and_one_that_rests_say_the_same(tmp_path: Path) -> None:
    with tagged(tmp_path, moves=2) as it:
        host, port = it.served.admin_address
        running = RunningTags(AdminClient(f"http://{host}:{port}"))
        told = (running.tags(IMAGE), running.history(IMAGE, 2))
        assert chosen_tags(None, f"http://{host}:{port}")(lambda tags: tags.tags(IMAGE)) == told[0]
        settings = it.served.mirror.settings
    resting = RestingTags(settings, os.geteuid())
    assert (resting.tags(IMAGE), resting.history(IMAGE, 2)) == told
    assert resting.pin(IMAGE, {"to": it.digests[0]})["given"] == it.digests[0]
    assert resting.roll_back(IMAGE, {"to": it.digests[1]})["given"] == it.digests[1]
    assert resting.unpin(IMAGE)["pinned"] is False


def test_a_mirror_is_asked_for_its_moves_a_page_at_a_time(tmp_path: Path) -> None:
    with tagged(tmp_path, moves=3) as it:
        running = RunningTags(AdminClient(f"http://{ListenAddress(*it.served.admin_address)}"))
        whole = running.history(IMAGE, 1_000_000)
        assert ([move["new"] for move in whole["moves"]], whole["more"]) == ([*reversed(it.digests)], False)
        first = running.history(IMAGE, 2)
        assert (first["moves"], first["more"]) == (whole["moves"][:2], True)
        (last,) = AdminClient(f"http://{ListenAddress(*it.served.admin_address)}").get(
            "/api/v1/tags/history", {"image": IMAGE, "limit": "1", "before": str(first["moves"][-1]["number"])}
        )["moves"]
        assert last == whole["moves"][2]


def test_no_more_is_asked_for_at_once_than_a_mirror_tells() -> None:
    assert PAGE == tag_keeping.PAGE
