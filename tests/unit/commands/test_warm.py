"""`mirror warm`: what is to be kept ready, or a list, now."""

from __future__ import annotations

from pathlib import Path

from tests.support.commands import Commands
from tests.support.mirror_thread import MirrorThread


def test_what_is_to_be_kept_ready_is_brought_now(tmp_path: Path) -> None:
    images = {
        "images": [{"image": "docker.io/app:v1", "platforms": "linux/arm64"}, "nowhere.test/a:b"],
        "upstreams": {"docker.io": {"not_found_ttl": 0}},
    }
    with MirrorThread(tmp_path, lambda _: images) as served:
        served.call(lambda: served.registry.push_image("library/app", "v1", [b"a layer"]))
        result = Commands(tmp_path).reaching(served).run("warm")
        assert result.exit_code == 1
        assert "docker.io/library/app:v1: sha256:" in result.output
        assert "add `nowhere.test: {}` to `upstreams`" in result.output
        job = served.call(lambda: list(served.mirror.mirror.orders.jobs)[-1])
        assert (job.urgent, job.order.platforms) == (False, ("linux/arm64/v8",))


def test_a_list_is_brought_in_its_place(tmp_path: Path) -> None:
    with MirrorThread(tmp_path) as served:
        served.call(lambda: served.registry.push_image("library/app", "v1", [b"a layer"]))
        commands = Commands(tmp_path).reaching(served)
        result = commands.run("warm")
        assert (result.exit_code, "no image is to be kept ready" in result.output) == (0, True)
        (tmp_path / "list").write_text("app:v1\n")
        result = commands.run("warm", "-f", str(tmp_path / "list"))
        assert (result.exit_code, "docker.io/library/app:v1: sha256:" in result.output) == (0, True)
        (job,) = served.call(lambda: list(served.mirror.mirror.orders.jobs))
        assert (job.urgent, job.order.platforms) == (False, ())


def test_where_no_mirror_answers_it_is_said_how_to_start_one(tmp_path: Path) -> None:
    result = Commands(tmp_path).run("warm")
    assert (result.exit_code, "start one with `mirror serve`" in result.output) == (1, True)
    assert Commands(tmp_path).run("warm", "--url", "ftp://a").exit_code == 1


def test_its_help_suffices(tmp_path: Path) -> None:
    assert "mirror warm -f images.txt" in Commands(tmp_path).run("warm", "--help").output
