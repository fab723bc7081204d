from __future__ import annotations

import base64
import json
import os
from contextlib import suppress
from pathlib import Path

import pytest
import structlog
from pydantic import SecretStr

from mirror.config.settings import Upstream
from mirror.errors import Unreachable
from mirror.upstream.credentials import Credentials
from mirror.upstream.login import Login
from tests.support.clock import Clock
from tests.support.scripts import NOT_FOUND, Script, environment, failing, helper, printing

ALICE = Login("alice", "canary")


def _file(path: Path, text: str) -> Path:
    draft = path.with_suffix(".draft")
    draft.write_text(text)
    draft.chmod(0o600)
    os.replace(draft, path)
    return path


def _auth(pair: str) -> dict[str, str]:
    return {"auth": base64.b64encode(pair.encode()).decode()}


async def test_without_a_source_the_upstream_is_asked_anonymously() -> None:
    credentials = Credentials("fake", Upstream())
    assert await credentials.login() is None
    assert await credentials.another(ALICE) is None
    assert not credentials.configured
    assert credentials.describe() == "anonymous"
    await credentials.aclose()


async def test_each_key_is_a_source(tmp_path: Path) -> None:
    helper(tmp_path, "fake", printing("alice", "canary"))
    script = Script(tmp_path, "password", "echo canary")
    config = _file(tmp_path / "config.json", json.dumps({"auths": {"registry.test": _auth("alice:canary")}}))
    sources = {
        "user alice from password": Upstream(username="alice", password=SecretStr("canary")),
        "user alice from password_env": Upstream(username="alice", password_env="SECRET"),
        "user alice from password_file": Upstream(username="alice", password_file=_file(tmp_path / "file", "canary")),
        "user alice from docker_config": Upstream(docker_config=config),
        "docker-credential-fake": Upstream(credential_helper="fake"),
        "user alice from credential_command password": Upstream(
            credential_command=(str(script.path),), username="alice"
        ),
    }
    for described, upstream in sources.items():
        credentials = Credentials("registry.test", upstream, environment(tmp_path, SECRET="canary"))
        assert credentials.configured
        assert await credentials.login() == ALICE
        assert credentials.describe() == described
        await credentials.aclose()


async def test_a_helper_is_asked_for_the_upstreams_name_and_then_for_its_endpoint(tmp_path: Path) -> None:
    script = helper(tmp_path, "fake", failing(NOT_FOUND))
    upstream = Upstream(credential_helper="fake", endpoints=("https://1.dkr.ecr.test:5000/prefix",))
    with pytest.raises(Unreachable, match="has no login for it"):
        await Credentials("private.test", upstream, environment(tmp_path)).login()
    assert script.inputs == ["private.test", "1.dkr.ecr.test:5000"]


async def test_a_helper_is_asked_for_docker_hub_once_by_dockers_name_for_it(tmp_path: Path) -> None:
    script = helper(tmp_path, "fake", printing("alice", "canary"))
    upstream = Upstream(credential_helper="fake", endpoints=("https://registry-1.docker.io",))
    await Credentials("docker.io", upstream, environment(tmp_path)).login()
    assert script.inputs == ["https://index.docker.io/v1/"]


async def test_an_entry_for_somebody_elses_endpoint_is_not_the_upstreams(tmp_path: Path) -> None:
    config = _file(tmp_path / "config.json", json.dumps({"auths": {"mirror.test": _auth("alice:canary")}}))
    upstream = Upstream(docker_config=config, endpoints=("https://mirror.test", "https://registry-1.docker.io"))
    assert await Credentials("docker.io", upstream).login() is None


async def test_a_login_that_changes_is_told_without_a_word_of_it(tmp_path: Path) -> None:
    file = _file(tmp_path / "password", "canary-one")
    credentials = Credentials("fake", Upstream(username="alice", password_file=file))
    with structlog.testing.capture_logs() as logs:
        await credentials.login()
        await credentials.login()
    assert logs == []
    _file(file, "canary-two")
    with structlog.testing.capture_logs() as logs:
        await credentials.login()
        await credentials.login()
    assert [(log["log_level"], log["upstream"], log["source"]) for log in logs] == [("info", "fake", "password_file")]
    assert "canary" not in str(logs)
    assert "alice" not in str(logs)


async def test_a_source_that_begins_to_fail_is_told_once_until_it_works_again(tmp_path: Path) -> None:
    clock = Clock()
    script = helper(tmp_path, "fake", failing("canary"))
    credentials = Credentials("fake", Upstream(credential_helper="fake"), environment(tmp_path), clock)
    told = []
    for body in (failing("canary"), failing("canary"), printing("alice", "canary"), failing("canary")):
        script.does(body)
        clock.advance(700)
        with structlog.testing.capture_logs() as logs, suppress(Unreachable):
            await credentials.login()
        told.append([log["source"] for log in logs])
        assert all("run it by hand to see why" in log["why"] for log in logs)
        assert "canary" not in str(logs)
    assert told == [["credential_helper"], [], [], ["credential_helper"]]


async def test_another_login_is_one_that_differs(tmp_path: Path) -> None:
    file = _file(tmp_path / "password", "canary")
    credentials = Credentials("fake", Upstream(username="alice", password_file=file))
    assert await credentials.login() == ALICE
    assert await credentials.another(ALICE) is None
    _file(file, "rotated")
    assert await credentials.another(ALICE) == Login("alice", "rotated")


async def test_a_helper_is_asked_again_for_another_login(tmp_path: Path) -> None:
    clock = Clock()
    script = helper(tmp_path, "fake", printing("alice", "canary"))
    credentials = Credentials("fake", Upstream(credential_helper="fake"), environment(tmp_path), clock)
    await credentials.login()
    script.does(printing("alice", "rotated"))
    clock.advance(10)
    assert await credentials.another(ALICE) == Login("alice", "rotated")
    assert await credentials.another(Login("alice", "rotated")) is None
    assert len(script.inputs) == 2
