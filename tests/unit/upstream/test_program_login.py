from __future__ import annotations

from pathlib import Path

import pytest

from mirror.errors import Unreachable
from mirror.upstream.docker_config import Helper
from mirror.upstream.login import Kind, Login
from mirror.upstream.program_login import CommandLogin, HelperLogin, Running
from tests.support.clock import Clock
from tests.support.scripts import NOT_FOUND, Script, environment, failing, helper, printing

ALICE = Login("alice", "canary")


def _running(directory: Path, clock: Clock | None = None) -> Running:
    return Running("registry.test", environment(directory), 100, clock or Clock())


async def test_a_helper_is_asked_for_its_server_once_in_a_lifetime(tmp_path: Path) -> None:
    clock = Clock()
    script = helper(tmp_path, "fake", printing("alice", "canary"))
    source = HelperLogin(Helper("fake", ("registry.test",)), _running(tmp_path, clock))
    assert await source.get() == await source.get() == await source.get_if_known() == ALICE
    assert script.inputs == ["registry.test"]
    clock.advance(101)
    script.does(printing("alice", "another"))
    assert await source.get() == Login("alice", "another")
    assert source.describe() == "docker-credential-fake"


async def test_a_helper_is_asked_for_one_server_after_the_other(tmp_path: Path) -> None:
    known = f'if [ "$input" = second.test ]; then {printing("<token>", "canary")}\nelse {failing(NOT_FOUND)}; fi'
    script = helper(tmp_path, "fake", known)
    source = HelperLogin(Helper("fake", ("registry.test", "second.test", "third.test")), _running(tmp_path))
    assert await source.get() == Login("", "canary", Kind.IDENTITY_TOKEN)
    assert script.inputs == ["registry.test", "second.test"]


async def test_that_a_helper_has_no_login_is_said_or_is_our_own_trouble(tmp_path: Path) -> None:
    helper(tmp_path, "fake", failing(NOT_FOUND))
    source = HelperLogin(Helper("fake", ("registry.test",)), _running(tmp_path))
    assert await source.get_if_known() is None
    with pytest.raises(Unreachable, match=r"^registry\.test: docker-credential-fake has no login for it"):
        await source.get()


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (failing("canary"), "ended with 1: run it by hand to see why"),
        ("echo canary", "prints something that is not JSON"),
        (printing("", "canary"), "names no user with a password"),
    ],
)
async def test_a_helper_that_fails_is_our_own_trouble_and_not_run_again_at_once(
    tmp_path: Path, body: str, why: str
) -> None:
    script = helper(tmp_path, "fake", body)
    source = HelperLogin(Helper("fake", ("registry.test",)), _running(tmp_path))
    for _ in range(3):
        with pytest.raises(Unreachable, match=rf"^registry\.test: docker-credential-fake {why}") as caught:
            await source.get()
        assert "canary" not in str(caught.value)
    assert len(script.inputs) == 1


async def test_a_helper_that_is_not_there_is_named(tmp_path: Path) -> None:
    source = HelperLogin(Helper("none", ("registry.test",)), _running(tmp_path))
    with pytest.raises(Unreachable, match=r"^registry\.test: docker-credential-none cannot be started"):
        await source.get()


async def test_after_a_refusal_a_helper_is_asked_again(tmp_path: Path) -> None:
    clock = Clock()
    script = helper(tmp_path, "fake", printing("alice", "canary"))
    source = HelperLogin(Helper("fake", ("registry.test",)), _running(tmp_path, clock))
    await source.get()
    script.does(printing("alice", "another"))
    source.doubt(ALICE)
    assert await source.get() == ALICE  # it has just been got
    clock.advance(10)
    source.doubt(ALICE)
    assert await source.get() == Login("alice", "another")


async def test_a_command_prints_the_password_of_a_user(tmp_path: Path) -> None:
    script = Script(tmp_path, "password", 'echo "$1 $input"')
    source = CommandLogin((str(script.path), "canary"), "alice", _running(tmp_path))
    assert await source.get() == Login("alice", "canary registry.test")
    assert await source.get() == Login("alice", "canary registry.test")
    assert script.inputs == ["registry.test"]
    assert source.describe() == "user alice from credential_command password"


async def test_a_command_prints_a_login(tmp_path: Path) -> None:
    script = Script(tmp_path, "login", printing("alice", "canary"))
    source = CommandLogin((str(script.path), "--secret=canary"), None, _running(tmp_path))
    assert await source.get() == ALICE
    assert source.describe() == "credential_command login"


async def test_a_command_goes_through_no_shell(tmp_path: Path) -> None:
    Script(tmp_path, "login", 'echo "$1"')
    source = CommandLogin(("login", "$(touch evil); $PATH"), "alice", _running(tmp_path))
    assert await source.get() == Login("alice", "$(touch evil); $PATH")


async def test_a_command_that_fails_is_our_own_trouble(tmp_path: Path) -> None:
    Script(tmp_path, "login", failing("canary", 3))
    source = CommandLogin(("login",), "alice", _running(tmp_path))
    with pytest.raises(Unreachable, match=r"^registry\.test: its credential_command ended with 3") as caught:
        await source.get()
    assert "canary" not in str(caught.value)
    await source.aclose()
