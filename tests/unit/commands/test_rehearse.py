"""`mirror rehearse`: told line by line, mended by `--fetch`, and what it says comes true."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from tests.support.caches import path_of
from tests.support.commands import Commands
from tests.support.content import Image
from tests.support.mirror_thread import MirrorThread

LARGE = b"layer" * 20_000


def pulled(served: MirrorThread, name: str, *layers: bytes) -> Image:
    """A client pulls this."""
    image = served.call(partial(served.registry.push_image, name, "v1", [name.encode(), *layers]))
    assert is_whole(served, name, image)
    served.settle()
    return image


def is_whole(served: MirrorThread, name: str, image: Image) -> bool:
    """Whether a client can pull it."""
    paths = [f"/v2/{name}/manifests/v1"]
    paths += [f"/v2/{name}/blobs/{digest}" for digest in (image.config_digest, *image.layer_digests)]
    return all(served.ask("GET", path).status == 200 for path in paths)


def lose(root: Path, image: Image) -> None:
    path_of(root / "cache", image.layer_digests[1]).unlink()


def test_what_would_not_survive_is_told_and_fetched_and_survives(tmp_path: Path) -> None:
    with MirrorThread(tmp_path) as served:
        whole, broken = pulled(served, "team/whole", b"other" * 20_000), pulled(served, "team/broken", LARGE)
        commands = Commands(tmp_path).reaching(served)
        lose(tmp_path, broken)
        result = commands.run("rehearse")
        assert result.exit_code == 1
        name = f"docker.io/team/broken:v1 ({str(broken.digest)[:19]})"
        assert result.output.splitlines() == [
            f"{name} would not survive",
            "  blobs-missing      1 of 3 blobs are not here (97.7 KiB)",
            "1 of 2 images pulled in the last 30 d survive an outage of 24 h",
            "`mirror rehearse --fetch` brings what the other one lacks",
        ]
        assert "docker.io/team/whole:v1" in commands.run("rehearse", "--all").output
        assert commands.run("rehearse", "team/whole").exit_code == 0
        result = commands.run("freeze", "--rehearse")
        assert (result.exit_code, name in result.output) == (1, True)
        assert not served.mirror.mirror.surroundings.contact.frozen

        result = commands.run("rehearse", "--fetch")
        assert result.exit_code == 0
        assert f"docker.io/team/broken@{broken.digest}: pulling" in result.output
        assert result.output.count("rehearsing again") == 1
        assert "2 of 2 images pulled in the last 30 d survive an outage of 24 h" in result.output
        (job,) = served.call(lambda: list(served.mirror.mirror.orders.jobs))
        assert not job.urgent
        assert commands.run("freeze").exit_code == 0
        assert is_whole(served, "team/whole", whole)
        assert is_whole(served, "team/broken", broken)


def test_what_cannot_be_fetched_is_tried_once_and_stays_told(tmp_path: Path) -> None:
    with MirrorThread(tmp_path) as served:
        broken = pulled(served, "team/broken", LARGE)
        lose(tmp_path, broken)
        for digest in broken.layer_digests:
            served.registry._blobs.pop(("team/broken", str(digest)))
        result = Commands(tmp_path).reaching(served).run("rehearse", "--fetch")
        assert result.exit_code == 1
        assert result.output.count(": pulling") == 1
        assert "0 of 1 images" in result.output


def test_a_tag_is_asked_for_where_that_will_do(tmp_path: Path) -> None:
    settings = {"upstreams": {"docker.io": {"tag_ttl": 0, "stale_for": "1h"}}}
    with MirrorThread(tmp_path, lambda _: settings) as served:
        pulled(served, "team/app")
        commands = Commands(tmp_path).reaching(served)
        assert "tag-runs-out" in commands.run("rehearse", "--outage", "2h", "--fetch").output
        assert served.call(lambda: list(served.mirror.mirror.orders.jobs)) == []
        assert commands.run("rehearse", "--outage", "30m").exit_code == 0
        assert commands.run("rehearse", "--outage", "forever").exit_code == 1


def test_programs_have_it_as_lines_of_json_from_the_mirror_or_its_directory(tmp_path: Path) -> None:
    with MirrorThread(tmp_path) as served:
        lose(tmp_path, pulled(served, "team/broken", LARGE))
        commands = Commands(tmp_path).reaching(served)
        result = commands.run("rehearse", "--json")
        running = [json.loads(line) for line in result.stdout.splitlines()]
        assert (result.exit_code, [line["event"] for line in running]) == (1, ["image", "end"])
        host, port = served.admin_address
        by_url = Commands(tmp_path).run("rehearse", "--json", "--url", f"http://{host}:{port}")
        assert by_url.stdout == result.stdout
    result = Commands(tmp_path).run("rehearse", "--json")
    assert result.exit_code == 1
    assert "no mirror answers on the admin listener: this is of its cache directory" in result.stderr
    assert [json.loads(line) for line in result.stdout.splitlines()] == running


@pytest.mark.parametrize(
    "arguments", [("--within", "long"), ("--outage", "never"), ("--platform", "no platform"), ("--fast",)]
)
def test_a_command_line_that_is_wrong_is_refused(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert Commands(tmp_path).run("rehearse", *arguments).exit_code == 2


def test_where_no_mirror_answers_nothing_can_be_fetched_and_it_is_said_how_to_start_one(tmp_path: Path) -> None:
    result = Commands(tmp_path).run("rehearse", "--fetch")
    assert (result.exit_code, "start one with `mirror serve`" in result.output) == (1, True)


def test_its_help_suffices(tmp_path: Path) -> None:
    assert "mirror rehearse --outage 7d 'ghcr.io/*'" in Commands(tmp_path).run("rehearse", "--help").output
