"""Names of images are completed with those that are cached, and never at the price of an error."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from mirror.commands.admin_client import AdminClient
from mirror.commands.naming_images import complete, offered
from tests.support.mirror_thread import MirrorThread

ARGUMENT = click.Argument(["image"])
PATIENCE = 60  # seconds


def context(url: str | None, config: Path | None = None) -> click.Context:
    made = click.Context(click.Command("show"))
    made.params = {"url": url, "config": config}
    return made


def test_cached_images_are_offered_by_how_they_begin(tmp_path: Path) -> None:
    with MirrorThread(tmp_path) as served:
        for repository in ("library/ubuntu", "team/app"):
            served.call(lambda name=repository: served.registry.push_image(name, "v1", [name.encode()]))  # type: ignore[misc]
            assert served.ask("GET", f"/v2/{repository}/manifests/v1").status == 200
        host, port = served.admin_address
        client = AdminClient(f"http://{host}:{port}", PATIENCE)
        assert offered(client, "") == ["docker.io/library/ubuntu:v1", "docker.io/team/app:v1"]
        assert offered(client, "docker.io/t") == ["docker.io/team/app:v1"]
        assert offered(client, "quay.io") == []
        # Somebody who has pressed a key waits for a second; a machine that is busy may need several tries.
        assert any(complete(context(f"http://{host}:{port}"), ARGUMENT, "docker.io/t") for _ in range(PATIENCE))


def test_without_a_mirror_nothing_is_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MIRROR_CONFIG", "MIRROR_ADMIN__LISTEN"):
        monkeypatch.delenv(name, raising=False)
    wrong = tmp_path / "wrong.yml"
    wrong.write_text("admin: 7\n")
    silent = tmp_path / "silent.yml"
    silent.write_text("admin: {listen: 127.0.0.1:1}\n")
    for asking in (context("http://127.0.0.1:1"), context("no url"), context(None, wrong), context(None, silent)):
        assert complete(asking, ARGUMENT, "") == []
