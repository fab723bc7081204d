"""What `serve` would refuse is told, and nothing is changed by looking."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mirror.commands.startable import in_use, unusable_here
from mirror.config.addresses import ListenAddress
from mirror.config.problems import dotted
from mirror.config.settings import Settings
from mirror.store.filesystem import Filesystem
from mirror.store.layout import Layout
from tests.support.held_port import HeldPort
from tests.support.mirror_thread import MirrorThread

ANY = "127.0.0.1:0"


def settings(root: Path, server: str = ANY, admin: str = ANY) -> Settings:
    listens = {"server": {"listen": server}, "admin": {"listen": admin}}
    return Settings.model_validate({"storage": {"root": str(root), "min_free": "0"}, **listens})


def told(asked: Settings) -> list[tuple[str, str]]:
    return [(dotted(problem.place), problem.message) for problem in unusable_here(asked)]


@pytest.fixture
def taken() -> Iterator[str]:
    """An address where something listens that is no mirror."""
    port = HeldPort("127.0.0.1")
    with port.listening(1):
        yield f"127.0.0.1:{port.port}"


def test_a_cache_and_one_that_is_still_to_be_made_are_without_fault(tmp_path: Path) -> None:
    Layout(tmp_path / "cache", Filesystem()).close()
    assert told(settings(tmp_path / "cache")) == []
    assert told(settings(tmp_path / "to be" / "made")) == []
    assert not (tmp_path / "to be").exists()


def test_a_directory_that_is_not_ours_is_told_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").touch()
    ((place, message),) = told(settings(tmp_path))
    assert (place, "not a cache of this program" in message) == ("storage.root", True)
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


def test_a_directory_that_cannot_be_one_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ((place, message),) = told(settings(tmp_path / "file" / "cache"))
    assert (place, "is not a directory" in message) == ("storage.root", True)


def test_what_stands_in_the_place_of_the_version_is_told(tmp_path: Path) -> None:
    (tmp_path / "version").mkdir()
    ((place, message),) = told(settings(tmp_path))
    assert (place, message.startswith("cannot be used: ")) == ("storage.root", True)


@pytest.mark.parametrize("section", ["server", "admin"])
@pytest.mark.parametrize("address", ["no.such.invalid:5000", "203.0.113.9:5000"])
def test_a_name_without_an_address_and_an_address_of_nobody_here_are_told(
    tmp_path: Path, section: str, address: str
) -> None:
    ((place, message),) = told(settings(tmp_path / "cache", **{section: address}))
    assert place == f"{section}.listen"
    assert message.startswith(f"cannot listen on {address}: ")
    assert "error -" not in message  # numbers are no words


@pytest.mark.parametrize("section", ["server", "admin"])
def test_an_address_that_something_else_has_is_told(tmp_path: Path, taken: str, section: str) -> None:
    asked = settings(tmp_path / "cache", **{section: taken})
    ((place, message),) = told(asked)
    assert place == f"{section}.listen"
    assert message.startswith(f"cannot listen on {taken}: Address already in use")
    assert in_use(asked) == [taken]


def test_addresses_that_a_mirror_of_this_configuration_has_are_in_use_and_no_fault(tmp_path: Path, taken: str) -> None:
    with MirrorThread(tmp_path) as served:
        server, admin = (str(ListenAddress(*address)) for address in (served.address, served.admin_address))
        same = settings(tmp_path / "cache", server, admin)
        assert told(same) == []
        assert in_use(same) == [server, admin]
        another = settings(tmp_path / "cache", f"127.0.0.1:{HeldPort('127.0.0.1').port}", admin)
        assert [place for place, _ in told(another)] == ["admin.listen"]
        another = settings(tmp_path / "cache", server, taken)
        assert [place for place, _ in told(another)] == ["server.listen", "admin.listen"]


def test_a_setting_that_is_wrong_by_itself_has_no_echo_here(tmp_path: Path, taken: str) -> None:
    (problem,) = unusable_here(settings(tmp_path / "cache", taken))
    assert problem.involved == (("server", "listen"),)
