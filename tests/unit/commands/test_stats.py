"""`mirror stats`: a table of what came from the cache."""

from __future__ import annotations

import json
from pathlib import Path

from mirror.commands.stats import lines_of
from tests.support.commands import Commands
from tests.support.mirror_thread import MirrorThread

NOW = 1_000_000.0


def test_what_was_saved_is_told_for_each_registry_and_for_all() -> None:
    requests = {"hit": 6, "revalidated": 1, "stale": 1, "joined": 1, "miss": 1, "absent": 2, "bypass": 9}
    counted = {"requests": requests, "hit_ratio": 0.9, "served_bytes": 2048, "fetched_bytes": 1024, "saved_ratio": 0.5}
    recent = [{"image": f"docker.io/a:v{number}", "last_pull": "1970-01-12T13:44:40+00:00"} for number in range(9)]
    document = {"since": "1970-01-12T11:46:40+00:00", **counted, "evicted_bytes": 4096, "prefetched_bytes": 0}
    document |= {"upstreams": [{"upstream": "docker.io", **counted, "hit_ratio": None}], "recent": recent}
    lines = list(lines_of(document, NOW))
    assert [line.split() for line in lines[1:3]] == [
        ["docker.io", "12", "8", "1", "1", "-", "2.0", "KiB", "1.0", "KiB", "50.0", "%"],
        ["all", "12", "8", "1", "1", "90.0", "%", "2.0", "KiB", "1.0", "KiB", "50.0", "%"],
    ]
    assert lines[4] == "counted since the mirror began, 2 h ago"
    assert lines[5] == "evicted to make room: 4.0 KiB"
    assert len([line for line in lines if line.startswith("  docker.io/a:v")]) == 5


def test_a_mirror_that_runs_is_asked(tmp_path: Path) -> None:
    with MirrorThread(tmp_path) as served:
        served.call(lambda: served.registry.push_image("library/ubuntu", "latest", [b"layer"]))
        for _ in range(3):
            assert served.ask("GET", "/v2/library/ubuntu/manifests/latest").status == 200
        commands = Commands(tmp_path).reaching(served)
        document = json.loads(commands.run("stats", "--json").stdout)
        assert (document["requests"]["hit"], document["requests"]["miss"]) == (2, 1)
        assert "66.7 %" in commands.run("stats").stdout


def test_of_one_that_does_not_run_there_are_none(tmp_path: Path) -> None:
    result = Commands(tmp_path).run("stats")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "does not answer" in result.stderr
