"""`mirror inventory`: what is here, beside a mirror that runs or without one."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.commands import Commands
from tests.support.mirror_thread import MirrorThread


def test_images_and_blobs_are_told_a_line_each_beside_a_mirror_that_runs(tmp_path: Path) -> None:
    with MirrorThread(tmp_path) as served:
        image = served.call(lambda: served.registry.push_image("library/app", "1", [b"layer"]))
        for path in (f"manifests/{1}", f"blobs/{image.config_digest}", f"blobs/{image.layer_digests[0]}"):
            assert served.ask("GET", f"/v2/library/app/{path}").status == 200
        served.settle()
        served.do(served.mirror.mirror.store.flush)
        result = Commands(tmp_path).run("inventory")
    assert (result.exit_code, result.stderr) == (0, "")
    first, *lines = map(json.loads, result.stdout.splitlines())
    assert first == {"mirror": "inventory", "version": 1}
    assert {"image": "docker.io/library/app:1", "digest": str(image.digest)} in lines
    blobs = {line["blob"] for line in lines if "blob" in line}
    assert blobs == {str(image.digest), str(image.config_digest), str(image.layer_digests[0])}


def test_where_there_is_no_cache_that_is_said(tmp_path: Path) -> None:
    result = Commands(tmp_path).run("inventory", "--to", str(tmp_path / "inventory"))
    assert (result.exit_code, "cannot be looked into" in result.stderr) == (1, True)
    assert not (tmp_path / "inventory").exists()
