"""`mirror explain`, with a mirror that runs, with the cache of one that does not, and with neither."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from mirror.cli import main
from tests.support.mirror_thread import MirrorThread

LAYERS = [b"layer" * 1000]


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("MIRROR_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as taken:  # bound and not listened on: whoever connects is refused, and nobody else gets it
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["explain", *arguments], prog_name="mirror")


def configured(file: Path, admin_port: int, upstreams: Mapping[str, Any]) -> str:
    values = {
        "admin": {"listen": f"127.0.0.1:{admin_port}"},
        "storage": {"root": str(file.parent / "cache"), "min_free": 0},
        "upstreams": dict(upstreams),
    }
    file.write_text(yaml.safe_dump(values))
    return str(file)


def test_the_mirror_that_runs_is_asked(tmp_path: Path) -> None:
    with MirrorThread(tmp_path) as served:
        image = served.call(lambda: served.registry.push_image("library/ubuntu", "latest", LAYERS))
        assert served.ask("GET", "/v2/library/ubuntu/manifests/latest").status == 200
        host, port = served.admin_address
        result = run("ubuntu", "--url", f"http://{host}:{port}")
        assert (result.exit_code, result.stderr) == (0, "")
        assert "image       docker.io/library/ubuntu:latest" in result.stdout
        assert f"tag         {image.digest}" in result.stdout
        document = json.loads(run("ubuntu", "--json", "--url", f"http://{host}:{port}").stdout)
        assert (document["source"], document["manifest"]) == ("mirror", str(image.digest))
        refused = run("quay.io/a/b", "--url", f"http://{host}:{port}")
        assert (refused.exit_code, refused.stderr) == (1, "this mirror does not serve that registry\n")


def test_without_a_mirror_its_cache_is_looked_at(tmp_path: Path, closed_port: int) -> None:
    with MirrorThread(tmp_path) as served:
        image = served.call(lambda: served.registry.push_image("library/ubuntu", "latest", LAYERS))
        assert served.ask("GET", "/v2/library/ubuntu/manifests/latest").status == 200
        url = served.registry.url
    file = configured(tmp_path / "mirror.yml", closed_port, {"docker.io": {"endpoints": url}})
    result = run("ubuntu", "--config", file)
    assert (result.exit_code, result.stderr) == (
        0,
        "no mirror answers on the admin listener: this is what its cache says\n",
    )
    assert f"tag         {image.digest}" in result.stdout
    document = json.loads(run("ubuntu", "--json", "--config", file).stdout)
    assert (document["source"], document["images"][0]["blobs"]) == ("cache", 2)


def test_without_a_cache_there_is_the_route_and_no_cache_is_made(tmp_path: Path, closed_port: int) -> None:
    file = configured(
        tmp_path / "mirror.yml",
        closed_port,
        {"docker.io": {"username": "alice", "password": "canary"}, "*.pkg.dev": {}},
    )
    result = run("ubuntu", "--config", file)
    assert result.exit_code == 0
    assert "configuration says" in result.stderr
    assert "docker.io, because" in result.stdout
    assert "alice" in result.stdout
    assert "canary" not in result.output
    assert "a pull now" not in result.stdout
    assert "by the pattern *.pkg.dev" in run("eu.pkg.dev/a/b", "--config", file).stdout
    assert list(tmp_path.iterdir()) == [tmp_path / "mirror.yml"]


def test_a_cache_that_another_mirror_uses_is_left_to_it(tmp_path: Path, closed_port: int) -> None:
    with MirrorThread(tmp_path):
        file = configured(tmp_path / "mirror.yml", closed_port, {})
        result = run("ubuntu", "--config", file)
    assert result.exit_code == 0
    assert "in use by another mirror" in result.stderr
    assert "configuration says" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code"), [(("UPPER",), 1), (("quay.example/a",), 1), ((), 2), (("a", "--platform"), 2)]
)
def test_what_cannot_be_explained_ends_with_an_error(
    tmp_path: Path, closed_port: int, arguments: tuple[str, ...], code: int
) -> None:
    file = configured(tmp_path / "mirror.yml", closed_port, {})
    result = run("--config", file, *arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.strip()


def test_one_platform_can_be_chosen(tmp_path: Path) -> None:
    with MirrorThread(tmp_path) as served:

        def push() -> None:
            images = [served.registry.push_image("library/app", None, [layer]) for layer in (b"one", b"two")]
            served.registry.push_index("library/app", "latest", images)

        served.call(push)
        served.call(lambda: served.registry.push_image("library/app", "single", LAYERS))
        assert served.ask("GET", "/v2/library/app/manifests/latest").status == 200
        assert served.ask("GET", "/v2/library/app/manifests/single").status == 200
        host, port = served.admin_address
        asked = ("app", "--json", "--url", f"http://{host}:{port}")
        platforms = [image["platform"] for image in json.loads(run(*asked).stdout)["images"]]
        assert len(platforms) == 2
        (only,) = json.loads(run(*asked, "--platform", platforms[0]).stdout)["images"]
        assert only["platform"] == platforms[0]
        assert json.loads(run(*asked, "--platform", "plan9/mips").stdout)["images"] == []
        single = run("app:single", "--json", "--platform", "linux/amd64", *asked[2:])  # it may be for any
        assert [image["platform"] for image in json.loads(single.stdout)["images"]] == ["image"]
