"""Which switch an operator has at hand: that of the mirror that runs, or the one that it will find."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mirror.commands.admin_client import AdminClient
from mirror.commands.switching import RestingSwitch, RunningSwitch, switch_of
from mirror.config.settings import Settings
from mirror.errors import MirrorError, Refused
from mirror.store.freeze import Freeze, FreezeNote
from tests.support.caches import layout_at
from tests.support.mirror_thread import MirrorThread


def settings(root: Path, admin: str) -> Settings:
    return Settings.model_validate({"storage": {"root": str(root)}, "admin": {"listen": admin}})


def test_of_a_mirror_that_runs_it_is_the_running_one(tmp_path: Path) -> None:
    with MirrorThread(tmp_path) as served:
        host, port = served.admin_address
        switch = switch_of(settings(tmp_path / "cache", f"{host}:{port}"))
        assert isinstance(switch, RunningSwitch)
        with pytest.raises(Refused, match="printable"):
            switch.freeze("\x00")


def test_where_none_runs_it_is_the_resting_one(tmp_path: Path) -> None:
    for port in (0, 1):
        assert isinstance(switch_of(settings(tmp_path / "cache", f"127.0.0.1:{port}")), RestingSwitch)


def test_where_one_holds_the_directory_and_does_not_answer_there_is_none(tmp_path: Path) -> None:
    with layout_at(tmp_path), pytest.raises(MirrorError, match=r"a mirror runs over .*Connection refused"):
        switch_of(settings(tmp_path, "127.0.0.1:1"))


def test_the_directory_is_given_back(tmp_path: Path) -> None:
    switch = RestingSwitch(tmp_path / "cache", os.geteuid())
    for call in (switch.state, lambda: switch.freeze("why"), switch.state, switch.thaw):
        call()
        with layout_at(tmp_path / "cache"):
            pass


def test_nothing_is_made_in_the_directory_of_another_user(tmp_path: Path) -> None:
    switch = RestingSwitch(tmp_path, os.geteuid() + 1)
    for call in (switch.state, lambda: switch.freeze("why"), switch.thaw):
        with pytest.raises(MirrorError, match="belongs to another user"):
            call()
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_not_there_is_made_by_freezing_alone(tmp_path: Path) -> None:
    switch = RestingSwitch(tmp_path / "cache", os.geteuid())
    assert switch.state() == switch.thaw()
    assert not (tmp_path / "cache").exists()
    switch.freeze("why")
    assert (tmp_path / "cache" / "frozen").exists()


@pytest.mark.parametrize("reason", ["a\nb", "\udcff", "x" * 501])
def test_a_reason_is_refused_as_the_mirror_that_runs_would(tmp_path: Path, reason: str) -> None:
    switch = RestingSwitch(tmp_path / "cache", os.geteuid())
    with pytest.raises(Refused, match="one printable line"):
        switch.freeze(reason)
    assert not (tmp_path / "cache").exists()


def test_freezing_again_tells_a_new_reason_and_the_old_time(tmp_path: Path) -> None:
    switch = RestingSwitch(tmp_path, os.geteuid())
    with layout_at(tmp_path) as layout:
        FreezeNote(layout).write(Freeze(1_800_000_000.0, "one"))
    words = "no mirror runs here; when it starts, contact with upstreams is frozen since 2027-01-15T08:00:00+00:00"
    assert switch.freeze("two") == switch.state() == f"{words}: two (`mirror thaw` ends that)"


def test_what_another_server_says_is_printed_in_one_line(tmp_path: Path) -> None:
    switch = RunningSwitch(Liar("http://127.0.0.1:1"))
    assert switch.state() == "contact with upstreams is frozen since 1: a[2Jb (`mirror thaw` ends that)"


class Liar(AdminClient):
    """Answers as no mirror does."""

    def get(self, path: str, query: object = None) -> dict[str, object]:
        return {"frozen": True, "since": 1, "reason": "a\x1b[2J\nb"}
