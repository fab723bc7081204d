"""Removed from a mirror that serves: clients get everything anew from the registry."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.support.larder import is_gathered
from tests.support.mirror_thread import MirrorThread
from tests.support.processes import wait_until

LAYER = b"layer" * 30_000  # more than is kept in memory
MANIFEST = "/v2/team/app/manifests/v1"


def order(served: MirrorThread, method: str, path: str, document: object = None) -> Any:
    connection = HTTPConnection(*served.admin_address, timeout=30)
    body = None if document is None else json.dumps(document)
    connection.request(method, path, body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    said = json.loads(answer.read())
    connection.close()
    assert answer.status == 200, said
    return said


def test_what_is_removed_is_fetched_again(tmp_path: Path) -> None:
    with MirrorThread(tmp_path) as served:
        image = served.call(lambda: served.registry.push_image("team/app", "v1", [LAYER]))
        (layer,) = image.layer_digests
        paths = (MANIFEST, f"/v2/team/app/manifests/{image.digest}", f"/v2/team/app/blobs/{layer}")

        def asked() -> int:
            served.settle()
            return served.call(lambda: len(served.registry.requests))

        def pull() -> list[bytes]:
            return [answer.body for answer in (served.ask("GET", path) for path in paths)]

        first = pull()
        once = asked()
        assert pull() == first
        assert asked() == once  # all of it is from the cache
        wait_until(lambda: is_gathered(tmp_path / "cache"), "it is known what images need")
        removed = order(served, "DELETE", f"/api/v1/images?name={quote('team/app:v1')}")
        assert [one["tags"] for one in removed["images"]] == [["v1"]]
        assert order(served, "GET", "/api/v1/usage")["size"] == 0
        assert pull() == first
        again = [seen.path for seen in served.call(lambda: list(served.registry.requests))[once:]]
        assert MANIFEST in again
        assert f"/v2/team/app/blobs/{layer}" in again
