"""`mirror freeze`: at once, over restarts, with and without a mirror that runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.commands import Commands
from tests.support.mirror_thread import MirrorThread


def test_a_running_mirror_is_frozen_and_says_since_when_and_why(tmp_path: Path) -> None:
    with MirrorThread(tmp_path) as served:
        commands = Commands(tmp_path).reaching(served)
        assert commands.run("freeze", "--status").output == "upstreams are asked\n"
        result = commands.run("freeze", "--reason", "moving house")
        assert (result.exit_code, served.mirror.mirror.surroundings.contact.frozen) == (0, True)
        assert result.output.startswith("contact with upstreams is frozen since 20")
        assert result.output.endswith("+00:00: moving house (`mirror thaw` ends that)\n")
        assert commands.run("freeze", "--status").output == result.output


def test_to_look_changes_nothing(tmp_path: Path) -> None:
    assert Commands(tmp_path).run("freeze", "--status").output == (
        "no mirror runs here; when it starts, upstreams will be asked\n"
    )
    assert not (tmp_path / "cache").exists()
    with MirrorThread(tmp_path) as served:
        Commands(tmp_path).reaching(served).run("freeze", "--status")
        assert not served.mirror.mirror.surroundings.contact.frozen


def test_a_mirror_that_does_not_run_is_frozen_when_it_starts(tmp_path: Path) -> None:
    result = Commands(tmp_path).run("freeze", "--reason", "moving house")
    assert result.exit_code == 0
    assert result.output.startswith("no mirror runs here; when it starts, contact with upstreams is frozen since 20")
    with MirrorThread(tmp_path) as served:
        assert served.mirror.mirror.surroundings.contact.frozen
        status = Commands(tmp_path).reaching(served).run("freeze", "--status").output
        assert status == result.output.removeprefix("no mirror runs here; when it starts, ")


def test_a_mirror_that_runs_and_cannot_be_reached_is_not_frozen_behind_its_back(tmp_path: Path) -> None:
    with MirrorThread(tmp_path) as served:
        for listen in ("127.0.0.1:1", "127.0.0.1:0"):
            result = Commands(tmp_path).run("freeze", environment={"MIRROR_ADMIN__LISTEN": listen})
            assert result.exit_code == 1
            assert result.output.startswith(
                f"a mirror runs over {tmp_path / 'cache'}, but its admin listener cannot be"
            )
        assert not served.mirror.mirror.surroundings.contact.frozen
    assert not (tmp_path / "cache" / "frozen").exists()


def test_a_directory_that_is_no_cache_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "precious").touch()
    result = Commands(tmp_path).run("freeze")
    assert (result.exit_code, "not a cache of this program" in result.output) == (1, True)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["precious"]


def test_a_url_says_which_mirror_is_meant_and_nothing_else_is_touched(tmp_path: Path) -> None:
    with MirrorThread(tmp_path / "one") as served:
        host, port = served.admin_address
        commands = Commands(tmp_path)
        assert commands.run("freeze", "--url", f"http://{host}:{port}").exit_code == 0
        assert served.mirror.mirror.surroundings.contact.frozen
    result = commands.run("freeze", "--url", f"http://{host}:{port}")
    assert result.exit_code == 1
    assert result.output.startswith(f"no mirror answers at http://{host}:{port} (Connection refused): ")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("arguments", [("--url", "https://127.0.0.1"), ("--reason", "a\nb")])
def test_what_makes_no_sense_changes_nothing(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    with MirrorThread(tmp_path) as served:
        result = Commands(tmp_path).reaching(served).run("freeze", *arguments)
        assert (result.exit_code, len(result.output.splitlines())) == (1, 1)
        assert not served.mirror.mirror.surroundings.contact.frozen
