"""`mirror thaw`: the end of a freeze, with and without a mirror that runs."""

from __future__ import annotations

from pathlib import Path

from tests.support.commands import Commands
from tests.support.mirror_thread import MirrorThread


def test_a_running_mirror_is_thawed(tmp_path: Path) -> None:
    with MirrorThread(tmp_path) as served:
        commands = Commands(tmp_path).reaching(served)
        commands.run("freeze")
        for _ in range(2):
            result = commands.run("thaw")
            assert (result.exit_code, result.output) == (0, "upstreams are asked\n")
            assert not served.mirror.mirror.surroundings.contact.frozen
    assert not (tmp_path / "cache" / "frozen").exists()


def test_a_mirror_that_does_not_run_is_thawed_when_it_starts(tmp_path: Path) -> None:
    commands = Commands(tmp_path)
    commands.run("freeze")
    result = commands.run("thaw")
    assert (result.exit_code, result.output) == (0, "no mirror runs here; when it starts, upstreams will be asked\n")
    with MirrorThread(tmp_path) as served:
        assert not served.mirror.mirror.surroundings.contact.frozen


def test_a_mirror_that_runs_and_cannot_be_reached_stays_frozen(tmp_path: Path) -> None:
    with MirrorThread(tmp_path) as served:
        Commands(tmp_path).reaching(served).run("freeze")
        result = Commands(tmp_path).run("thaw")
        assert (result.exit_code, "cannot be reached" in result.output) == (1, True)
        assert served.mirror.mirror.surroundings.contact.frozen
        assert (tmp_path / "cache" / "frozen").exists()
