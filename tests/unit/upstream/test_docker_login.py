from __future__ import annotations

import asyncio
import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from mirror.errors import Unreachable
from mirror.upstream.docker_login import DockerLogin
from mirror.upstream.login import Login
from mirror.upstream.program_login import Running
from tests.support.clock import Clock
from tests.support.scripts import NOT_FOUND, environment, failing, helper, printing

ALICE = Login("alice", "canary")


def _auths(name: str = "registry.test", pair: str = "alice:canary") -> dict[str, Any]:
    return {"auths": {name: {"auth": base64.b64encode(pair.encode()).decode()}}}


def _write(directory: Path, document: object) -> Path:
    """Exchanged as Docker does it, so that the file is another one."""
    draft = directory / "config.draft"
    draft.write_text(json.dumps(document))
    draft.chmod(0o600)
    os.replace(draft, directory / "config.json")
    return directory / "config.json"


def _source(directory: Path, document: object) -> DockerLogin:
    running = Running("registry.test", environment(directory), 100, Clock())
    return DockerLogin(_write(directory, document), ("registry.test", "second.test"), running)


async def test_a_login_stands_in_the_file_under_the_upstreams_name_or_its_endpoints(tmp_path: Path) -> None:
    source = _source(tmp_path, _auths())
    assert await source.get() == ALICE
    assert source.describe() == "user alice from docker_config"
    assert await _source(tmp_path, _auths("https://second.test/v2/")).get() == ALICE


async def test_without_an_entry_the_registry_is_asked_anonymously(tmp_path: Path) -> None:
    source = _source(tmp_path, _auths("another.test"))
    assert await source.get() is None
    assert source.describe() == "anonymous: nothing for it in docker_config"


async def test_a_file_that_changes_is_taken_up(tmp_path: Path) -> None:
    source = _source(tmp_path, {})
    assert await source.get() is None
    _write(tmp_path, _auths())
    assert await source.get() == ALICE
    _write(tmp_path, _auths(pair="alice:another"))
    assert await source.get() == Login("alice", "another")


async def test_a_helper_of_the_registry_is_asked(tmp_path: Path) -> None:
    script = helper(tmp_path, "fake", printing("alice", "canary"))
    source = _source(tmp_path, {"credHelpers": {"registry.test": "fake"}})
    assert await source.get() == await source.get() == ALICE
    assert script.inputs == ["registry.test"]
    assert source.describe() == "docker-credential-fake from docker_config"
    await source.aclose()


async def test_a_helper_that_knows_no_login_leaves_what_stands_in_the_file(tmp_path: Path) -> None:
    script = helper(tmp_path, "store", failing(NOT_FOUND))
    assert await _source(tmp_path, {"credsStore": "store"}).get() is None
    assert script.inputs == ["registry.test", "second.test"]
    assert await _source(tmp_path, {"credsStore": "store", **_auths()}).get() == ALICE


async def test_a_helper_that_fails_is_no_anonymous_login(tmp_path: Path) -> None:
    helper(tmp_path, "store", failing("canary"))
    source = _source(tmp_path, {"credsStore": "store", **_auths()})
    with pytest.raises(Unreachable, match=r"^registry\.test: docker-credential-store ended with 1"):
        await source.get()


async def test_after_a_refusal_the_helper_is_asked_again(tmp_path: Path) -> None:
    clock = Clock()
    script = helper(tmp_path, "store", printing("alice", "canary"))
    running = Running("registry.test", environment(tmp_path), 100, clock)
    source = DockerLogin(_write(tmp_path, {"credsStore": "store"}), ("registry.test",), running)
    source.doubt(ALICE)
    assert await source.get() == ALICE
    script.does(printing("alice", "another"))
    clock.advance(10)
    source.doubt(ALICE)
    assert await source.get() == Login("alice", "another")


async def test_who_logs_in_anew_is_seen_although_the_helper_was_asked_before(tmp_path: Path) -> None:
    script = helper(tmp_path, "store", failing(NOT_FOUND))
    source = _source(tmp_path, {"credsStore": "store"})
    assert await source.get() is None
    script.does(printing("alice", "canary"))
    assert await source.get() is None
    _write(tmp_path, {"credsStore": "store", "auths": {"registry.test": {}}})
    assert await source.get() == ALICE


async def test_a_file_that_changes_while_its_helper_runs_disturbs_nobody(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    script = helper(tmp_path, "slow", f"read line < {gate}\n{printing('alice', 'canary')}")
    helper(tmp_path, "quick", printing("bob", "canary"))
    source = _source(tmp_path, {"credsStore": "slow"})
    waiting = asyncio.ensure_future(source.get())
    async with asyncio.timeout(10):
        while not script.inputs:  # noqa: ASYNC110  # it tells nobody
            await asyncio.sleep(0.01)
    _write(tmp_path, {"credsStore": "quick"})
    assert await source.get() == Login("bob", "canary")
    await asyncio.to_thread(gate.write_text, "go\n")
    assert await waiting == ALICE
    await source.aclose()


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ([], "is no JSON object"),
        ({"auths": {"registry.test": {"auth": "canary!"}}}, "has an `auth` for it that cannot be read"),
        ({"credsStore": "../canary"}, "names a credential helper"),
    ],
)
async def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, document: object, why: str) -> None:
    with pytest.raises(Unreachable, match=rf"^registry\.test: its docker_config {why}") as caught:
        await _source(tmp_path, document).get()
    assert "canary" not in str(caught.value)


async def test_while_the_file_cannot_be_read_its_last_login_is_used(tmp_path: Path) -> None:
    source = _source(tmp_path, _auths())
    await source.get()
    (tmp_path / "config.json").write_text("{")
    assert await source.get() == ALICE
