from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
import structlog
from pydantic import SecretStr

from mirror.config.settings import Upstream
from mirror.errors import Unreachable
from mirror.upstream.credentials import Credentials, Login


def _file(path: Path, text: str | bytes, mode: int = 0o600) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(mode)
    return path


async def test_without_a_user_the_upstream_is_asked_anonymously() -> None:
    assert await Credentials("fake", Upstream()).login() is None


async def test_a_password_may_stand_in_the_configuration() -> None:
    credentials = Credentials("fake", Upstream(username="alice", password=SecretStr("canary")))
    assert await credentials.login() == Login("alice", "canary")


async def test_a_password_may_stand_in_the_environment() -> None:
    upstream = Upstream(username="alice", password_env="HUB_PASSWORD")
    login = await Credentials("fake", upstream, {"HUB_PASSWORD": "canary"}).login()
    assert login == Login("alice", "canary")
    for environment in ({}, {"HUB_PASSWORD": ""}):
        with pytest.raises(Unreachable, match="password_env is not set, or empty"):
            await Credentials("fake", upstream, environment).login()


async def test_a_password_file_ends_before_its_line_break(tmp_path: Path) -> None:
    file = _file(tmp_path / "password", " canary \r\n")
    login = await Credentials("fake", Upstream(username="alice", password_file=file)).login()
    assert login == Login("alice", " canary ")


async def test_a_password_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = _file(tmp_path / "password", "old")
    credentials = Credentials("fake", Upstream(username="alice", password_file=file))
    assert await credentials.login() == Login("alice", "old")
    _file(tmp_path / "new", "new")
    os.replace(tmp_path / "new", file)
    assert await credentials.login() == Login("alice", "new")
    _file(file, "won")
    os.utime(file, (1, 1))
    assert await credentials.login() == Login("alice", "won")


async def test_an_unchanged_password_file_is_not_read_again(tmp_path: Path) -> None:
    file = _file(tmp_path / "password", "same", mode=0o644)
    credentials = Credentials("fake", Upstream(username="alice", password_file=file))
    with structlog.testing.capture_logs() as logs:
        assert await credentials.login() == await credentials.login()
    assert len(logs) == 1  # each reading of such a file warns


@pytest.mark.parametrize(("mode", "warnings"), [(0o600, 0), (0o400, 0), (0o640, 1), (0o604, 1), (0o644, 1)])
async def test_a_password_file_that_others_can_open_earns_a_warning(tmp_path: Path, mode: int, warnings: int) -> None:
    file = _file(tmp_path / "password", "canary", mode)
    with structlog.testing.capture_logs() as logs:
        await Credentials("fake", Upstream(username="alice", password_file=file)).login()
    assert [log["log_level"] for log in logs] == ["warning"] * warnings
    assert "canary" not in str(logs)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "cannot be read"),
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\xff\xfe", "is not text"),
        (b"x" * (64 * 1024 + 1), "too large"),
    ],
)
async def test_a_password_file_that_cannot_be_used_says_why(tmp_path: Path, content: bytes | None, why: str) -> None:
    file = tmp_path / "password"
    if content is not None:
        _file(file, content)
    with pytest.raises(Unreachable, match=f"^fake: its password_file .*{why}"):
        await Credentials("fake", Upstream(username="alice", password_file=file)).login()


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe"])
async def test_while_a_password_file_cannot_be_used_its_last_password_is(tmp_path: Path, content: bytes | None) -> None:
    file = _file(tmp_path / "password", "canary")
    credentials = Credentials("fake", Upstream(username="alice", password_file=file))
    await credentials.login()
    file.unlink()
    if content is not None:
        _file(file, content)
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            assert await credentials.login() == Login("alice", "canary")
    assert [log["log_level"] for log in logs] == ["warning"]
    assert "canary" not in str(logs)
    _file(file, "another")
    assert await credentials.login() == Login("alice", "another")


def test_whether_there_is_somebody_to_log_in_as_is_known_without_a_password() -> None:
    assert Credentials("fake", Upstream(username="alice", password_env="NONE"), {}).configured
    assert not Credentials("fake", Upstream()).configured


def test_a_login_does_not_show_its_password() -> None:
    login = Login("alice", "canary")
    assert "canary" not in repr(login)
    assert "canary" not in str(login)
    assert "canary" not in f"{login}"


def test_basic_is_utf_8() -> None:
    header = Login("alice", "pässword").basic()
    assert header.startswith("Basic ")
    assert base64.b64decode(header.removeprefix("Basic ")).decode() == "alice:pässword"
