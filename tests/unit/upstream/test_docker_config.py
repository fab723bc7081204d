from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from mirror.upstream.docker_config import DockerConfig, Helper, parse, server
from mirror.upstream.login import Kind, Login

HUB = ("docker.io", "registry-1.docker.io")
QUAY = ("quay.io",)
ALICE = Login("alice", "canary")


def _auth(pair: str) -> dict[str, str]:
    return {"auth": base64.b64encode(pair.encode()).decode()}


def _config(**document: Any) -> DockerConfig:
    return parse(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("entry", "login"),
    [
        (_auth("alice:canary"), ALICE),
        (_auth("alice:can:ary"), Login("alice", "can:ary")),
        (_auth("alice:canary\0\0"), ALICE),
        ({"username": "alice", "password": "canary"}, ALICE),
        ({"username": "bob", "password": "x", **_auth("alice:canary")}, ALICE),
        ({"identitytoken": "canary", **_auth("alice:x")}, Login("", "canary", Kind.IDENTITY_TOKEN)),
        ({"registrytoken": "canary", "identitytoken": "x"}, Login("", "canary", Kind.REGISTRY_TOKEN)),
        (_auth("<token>:canary"), Login("", "canary", Kind.IDENTITY_TOKEN)),
        ({"auth": "", "email": "x"}, None),
        ({}, None),
    ],
)
def test_an_entry_holds_a_login_in_one_of_these_forms(entry: dict[str, str], login: Login | None) -> None:
    assert _config(auths={"quay.io": entry}).login(QUAY) == login


@pytest.mark.parametrize(
    "key",
    [
        "https://index.docker.io/v1/",
        "https://index.docker.io/v1",
        "index.docker.io",
        "docker.io",
        "registry-1.docker.io",
        "https://registry-1.docker.io/v2/",
        "registry.hub.docker.com",
    ],
)
def test_docker_hub_goes_by_any_of_its_names(key: str) -> None:
    assert _config(auths={"quay.io": _auth("bob:x"), key: _auth("alice:canary")}).login(HUB) == ALICE


@pytest.mark.parametrize(
    "key", ["registry.test:5000", "http://registry.test:5000", "https://Registry.Test:5000/v2/", "registry.test:5000/a"]
)
def test_a_key_may_have_a_scheme_or_a_path(key: str) -> None:
    assert _config(auths={key: _auth("alice:canary")}).login(["registry.test:5000"]) == ALICE


def test_a_key_with_another_port_or_host_is_another_registry() -> None:
    config = _config(
        auths={"registry.test": _auth("a:b"), "registry.test:5001": _auth("a:b"), "test:5000": _auth("a:b")}
    )
    assert config.login(["registry.test:5000"]) is None


def test_the_key_of_the_whole_registry_comes_before_that_of_a_part() -> None:
    config = _config(
        auths={
            "quay.io/somebody": _auth("bob:x"),
            "https://quay.io/v1/": _auth("alice:canary"),
            "quay.io/a": _auth("carol:x"),
        }
    )
    assert config.login(QUAY) == ALICE


def test_the_first_name_that_has_a_login_wins() -> None:
    config = _config(auths={"mirror.test": {}, "second.test": _auth("alice:canary"), "third.test": _auth("bob:x")})
    assert config.login(["mirror.test", "none.test", "second.test", "third.test"]) == ALICE


def test_an_entry_of_another_registry_that_cannot_be_read_hurts_nobody() -> None:
    config = _config(auths={"ghcr.io": {"auth": "?"}, "gcr.io": 5, "quay.io": _auth("alice:canary")})
    assert config.login(QUAY) == ALICE


@pytest.mark.parametrize(
    "entry",
    [
        5,
        "canary",
        {"auth": "canary!"},
        {"auth": ["canary"]},
        {"auth": base64.b64encode(b"\xff:canary").decode()},
        _auth("canary"),
        _auth(":canary"),
        _auth("alice:"),
        _auth("alice:canary\r\nHost: evil.test"),
        {"username": "alice"},
        {"password": "canary"},
        {"identitytoken": "can ary"},
        {"registrytoken": {"canary": 1}},
    ],
)
def test_an_entry_that_is_none_is_refused_without_its_words(entry: object) -> None:
    with pytest.raises(ValueError, match=r"^(has|names|holds) ") as caught:
        _config(auths={"quay.io": entry}).login(QUAY)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"canary",
        b"[]",
        b"null",
        b'{"auths": ["canary"]}',
        b'{"credHelpers": "canary"}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_a_file_that_is_no_configuration_of_dockers_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"^(is|has) ") as caught:
        parse(content)
    assert "canary" not in str(caught.value)


def test_an_empty_configuration_names_nobody() -> None:
    config = parse(b'{"auths": null, "credHelpers": null, "credsStore": ""}')
    assert config.login(QUAY) is None
    assert config.helper(QUAY) is None


def test_the_helper_of_a_registry_is_asked_for_it() -> None:
    config = _config(credHelpers={"ghcr.io": "gh", "quay.io": "q"}, credsStore="store")
    assert config.helper(QUAY) == Helper("q", ("quay.io",))
    assert config.helper(("mirror.test", "ghcr.io")) == Helper("gh", ("ghcr.io",))


def test_a_registry_with_an_empty_helper_keeps_its_login_in_the_file_whatever_the_store() -> None:
    config = _config(credHelpers={"quay.io": ""}, credsStore="store", auths={"quay.io": {"auth": "YWxpY2U6Y2FuYXJ5"}})
    assert config.helper(QUAY) is None
    assert config.login(QUAY) == Login("alice", "canary")


@pytest.mark.parametrize("key", ["docker.io", "index.docker.io", "https://index.docker.io/v1/"])
def test_a_helper_is_asked_for_docker_hub_by_the_name_that_docker_gives_it(key: str) -> None:
    assert _config(credHelpers={key: "hub"}).helper(HUB) == Helper("hub", ("https://index.docker.io/v1/",))
    assert server("docker.io") == "https://index.docker.io/v1/"


def test_the_store_is_asked_for_every_name_as_it_was_logged_in_with() -> None:
    config = _config(credsStore="store", auths={"https://registry.test/v1/": {}})
    assert config.helper(("registry.test", "other.test")) == Helper(
        "store", ("https://registry.test/v1/", "other.test")
    )
    assert config.helper(HUB) == Helper("store", ("https://index.docker.io/v1/",))


@pytest.mark.parametrize("name", ["../evil", "a/b", "a b", "-x", 5, None, ["a"], "x" * 65, "a\0b"])
def test_a_helper_that_no_program_could_be_called_is_refused(name: object) -> None:
    with pytest.raises(ValueError, match=r"^names a credential helper"):
        _config(credHelpers={"quay.io": name}).helper(QUAY)


def test_a_configuration_does_not_show_its_logins() -> None:
    assert "canary" not in repr(_config(auths={"quay.io": {"username": "alice", "password": "canary"}}))
