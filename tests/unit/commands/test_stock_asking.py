"""Whom the commands about what is cached ask: the mirror that runs, else its directory, and what is said of neither."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mirror.commands.admin_client import AdminClient
from mirror.commands.resting_stock import RestingStock
from mirror.commands.stock_asking import RunningStock
from tests.support.commands import Commands
from tests.support.larder import BASE, filled, is_gathered
from tests.support.mirror_thread import MirrorThread
from tests.support.processes import wait_until


def test_running_or_resting_a_mirror_says_the_same(tmp_path: Path) -> None:
    with MirrorThread(tmp_path) as served:
        served.call(lambda: served.registry.push_image("team/app", "v1", [b"layer" * 100]))
        assert served.ask("GET", "/v2/team/app/manifests/v1").status == 200
        host, port = served.admin_address
        running = RunningStock(AdminClient(f"http://{host}:{port}"))
        running.pin("quay.io/*")
        wait_until(lambda: is_gathered(tmp_path / "cache"), "it is known what images need")
        said = [running.images({}), running.image("team/app:v1"), running.pins(), running.removal("team/app")]
        upstreams = running.usage()["upstreams"]
        settings = served.mirror.mirror.settings
    resting = RestingStock(settings, settings.storage.root.stat().st_uid)
    assert [
        resting.images({}),
        resting.image("team/app:v1"),
        resting.pins(),
        resting.removal("team/app"),
    ] == said
    assert resting.usage()["upstreams"] == upstreams
    assert resting.unpin("quay.io/*")["pin"] == "quay.io/*"


def test_a_directory_is_asked_where_no_mirror_answers_and_that_is_said(tmp_path: Path) -> None:
    filled(tmp_path / "cache", lambda larder: larder.image("team/app", "v1", [BASE]))
    result = Commands(tmp_path).run("ls", "--json")
    assert result.stderr == (
        f"no mirror answers on the admin listener: this is of its cache directory, {tmp_path / 'cache'}\n"
    )
    assert json.loads(result.stdout)["total"] == 1


def test_beside_a_mirror_that_cannot_be_asked_one_may_look_and_change_nothing(tmp_path: Path) -> None:
    with MirrorThread(tmp_path) as served:
        served.call(lambda: served.registry.push_image("team/app", "v1", [b"layer"]))
        assert served.ask("GET", "/v2/team/app/manifests/v1").status == 200
        served.do(served.mirror.mirror.store.flush)
        wait_until(lambda: is_gathered(tmp_path / "cache"), "it is known what images need")
        commands = Commands(tmp_path)
        assert commands.run("ls", "-q").stdout == "docker.io/team/app:v1\n"
        for arguments in (("pin", "team/app"), ("rm", "--yes", "team/app")):
            result = commands.run(*arguments)
            assert (result.exit_code, result.stdout) == (1, "")
            assert "its admin listener cannot be reached" in result.stderr


@pytest.mark.parametrize("command", [("ls",), ("show", "x"), ("df",), ("pin", "x"), ("rm", "--yes", "x")])
def test_where_there_is_no_cache_none_is_made(tmp_path: Path, command: tuple[str, ...]) -> None:
    result = Commands(tmp_path).run(*command)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "storage.root" in result.stderr
    assert not (tmp_path / "cache").exists()


def test_a_wrong_configuration_is_told_with_its_place(tmp_path: Path) -> None:
    result = Commands(tmp_path).run("ls", environment={"MIRROR_STORAGE__MAX_SIZE": "much"})
    assert result.exit_code == 2
    assert "max_size" in result.stderr.lower()
