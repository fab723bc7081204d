"""The login that Docker has for a registry."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

from mirror.commands.lent_login import docker_config, lent_login
from mirror.errors import Refused, Unreachable

AUTH = base64.b64encode(b"alice:canary").decode()


def written(tmp_path: Path, document: object) -> Path:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(document))
    return file


def test_it_is_where_docker_looks_for_it() -> None:
    assert docker_config({}, Path("/home/alice")) == Path("/home/alice/.docker/config.json")
    assert docker_config({"DOCKER_CONFIG": "/etc/d"}, Path("/home/alice")) == Path("/etc/d/config.json")


@pytest.mark.parametrize(
    ("auths", "registry", "login"),
    [
        ({"https://index.docker.io/v1/": {"auth": AUTH}}, "docker.io", {"username": "alice", "password": "canary"}),
        ({"a.test:5000": {"auth": AUTH}}, "a.test:5000", {"username": "alice", "password": "canary"}),
        ({"a.test": {"identitytoken": "canary"}}, "a.test", {"identitytoken": "canary"}),
        ({"a.test": {"auth": AUTH}}, "b.test", None),
        ({}, "docker.io", None),
    ],
)
def test_a_login_in_the_file_is_that_of_its_registry(
    tmp_path: Path, auths: object, registry: str, login: object
) -> None:
    assert lent_login(written(tmp_path, {"auths": auths}), registry, {}) == login


def test_a_helper_is_asked(tmp_path: Path) -> None:
    helper = tmp_path / "docker-credential-test"
    helper.write_text('#!/bin/sh\nread server\necho "{\\"Username\\": \\"$server\\", \\"Secret\\": \\"canary\\"}"\n')
    helper.chmod(0o700)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    file = written(tmp_path, {"credHelpers": {"a.test": "test"}})
    assert lent_login(file, "a.test", environment) == {"username": "a.test", "password": "canary"}
    file = written(tmp_path, {"credsStore": "test"})
    assert lent_login(file, "b.test", environment) == {"username": "b.test", "password": "canary"}


def test_without_a_file_there_is_none(tmp_path: Path) -> None:
    assert lent_login(tmp_path / "none.json", "docker.io", {}) is None


def test_one_that_cannot_be_used_is_said_to_be_without_being_shown(tmp_path: Path) -> None:
    unreadable = {"auths": {"a.test": {"auth": "canary!"}}}
    missing = {"credHelpers": {"a.test": "missing-canary"}}
    documents: list[object] = [[], unreadable, missing]
    for document in documents:
        with pytest.raises(Unreachable) as error:
            lent_login(written(tmp_path, document), "a.test", {"PATH": str(tmp_path)})
        assert "canary!" not in str(error.value)
    with pytest.raises(Refused):
        lent_login(written(tmp_path, {"auths": {"a.test": {"registrytoken": "canary"}}}), "a.test", {})
