from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import SecretStr

from mirror.config.settings import Upstream
from mirror.errors import Unreachable
from mirror.upstream.login import Kind, Login
from mirror.upstream.password_login import PasswordLogin

ALICE = Login("alice", "canary")


def _source(environment: Mapping[str, str] | None = None, user: str = "alice", **keys: object) -> PasswordLogin:
    return PasswordLogin("fake", user, Upstream.model_validate({"username": user, **keys}), environment or {})


def _file(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    path.chmod(0o600)
    return path


async def test_a_password_may_stand_in_the_configuration() -> None:
    source = _source(password=SecretStr("canary"))
    assert await source.get() == ALICE
    assert source.describe() == "user alice from password"


async def test_a_password_may_stand_in_the_environment() -> None:
    source = _source({"HUB_PASSWORD": "canary"}, password_env="HUB_PASSWORD")
    assert await source.get() == ALICE
    assert source.describe() == "user alice from password_env"


@pytest.mark.parametrize("environment", [{}, {"HUB_PASSWORD": ""}])
async def test_a_variable_that_is_not_there_is_our_own_trouble(environment: dict[str, str]) -> None:
    with pytest.raises(Unreachable, match=r"^fake: its password_env names .* variable that is not set, or empty"):
        await _source(environment, password_env="HUB_PASSWORD").get()


async def test_a_password_file_ends_before_its_line_break(tmp_path: Path) -> None:
    source = _source(password_file=_file(tmp_path / "password", b" canary \r\n"))
    assert await source.get() == Login("alice", " canary ")
    assert source.describe() == "user alice from password_file"


async def test_a_password_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = _file(tmp_path / "password", b"old")
    source = _source(password_file=file)
    assert await source.get() == Login("alice", "old")
    os.replace(_file(tmp_path / "new", b"new"), file)
    assert await source.get() == Login("alice", "new")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "cannot be read"),
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\xff\xfe", "is not text"),
        (b"x" * (64 * 1024 + 1), "is too large"),
        (b"can\nary", "cannot be sent"),
    ],
)
async def test_a_password_file_that_cannot_be_used_says_why(tmp_path: Path, content: bytes | None, why: str) -> None:
    file = tmp_path / "password"
    if content is not None:
        _file(file, content)
    with pytest.raises(Unreachable, match=f"^fake: its password_file .*{why}"):
        await _source(password_file=file).get()


async def test_the_user_that_stands_for_an_identity_token_is_one(tmp_path: Path) -> None:
    source = _source(user="<token>", password_file=_file(tmp_path / "token", b"canary"))
    assert await source.get() == Login("", "canary", Kind.IDENTITY_TOKEN)
