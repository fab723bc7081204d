"""What a configuration counts on and is not there, told without making anything, or telling what a file holds."""

from __future__ import annotations

import os
import ssl
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mirror.config.problems import dotted
from mirror.config.settings import Settings
from mirror.config.surroundings import unusable, unusable_files
from tests.support.authority import Authority

NOBODY = 65534
NOT_THERE = "cannot be read: No such file or directory"
NO_KEY = "holds no private key in PEM that can be used"
NO_CERTIFICATE = "holds no certificate in PEM that can be used"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def nobody() -> Iterator[Path]:
    """Become a user who is not root, for whom modes count, and who may use some of what is in this directory."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)
        for below, mode in (("open", 0o777), ("readable", 0o555), ("closed", 0)):
            (directory / below).mkdir()
            (directory / below).chmod(mode)
        (directory / "secret").touch(mode=0)
        before = os.geteuid()
        os.seteuid(before or NOBODY)
        try:
            yield directory
        finally:
            os.seteuid(before)
            (directory / "closed").chmod(0o755)


def told(**values: Any) -> dict[str, str]:
    problems = list(unusable(Settings.model_validate({"storage": {"root": tempfile.gettempdir()}, **values})))
    assert len({problem.place for problem in problems}) == len(problems)
    return {dotted(problem.place): problem.message for problem in problems}


def told_of_tls(**files: Path) -> dict[str, str]:
    told_all = told(server={"tls": {key: str(file) for key, file in files.items()}})
    return {place.removeprefix("server.tls."): message for place, message in told_all.items()}


def told_of_root(root: Path) -> str | None:
    return told(storage={"root": str(root)}).get("storage.root")


def password_problem(tmp_path: Path, content: bytes) -> str | None:
    file = tmp_path / "password"
    file.write_bytes(content)
    return told(upstreams={"a.example": {"username": "alice", "password_file": str(file)}}).get(
        "upstreams.a.example.password_file"
    )


def test_what_is_there_is_not_told(tmp_path: Path, authority: Authority) -> None:
    certificate, key = authority.server_files("mirror.test")
    assert told_of_tls(certificate=certificate, key=key, client_ca=authority.ca_file) == {}
    assert told(upstreams={"a.example": {"ca_file": str(authority.ca_file)}}) == {}
    assert password_problem(tmp_path, b"canary\n") is None
    assert told_of_root(tmp_path) is None
    assert told() == {}


def test_every_file_that_is_missing_is_told(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    tls = {"certificate": missing, "key": missing, "client_ca": missing}
    upstream = {"username": "alice", "password_file": missing, "ca_file": missing}
    shown = {"client_certificate": missing, "client_key": missing, "docker_config": missing}
    assert told(server={"tls": tls}, upstreams={"a.example": upstream, "b.example": shown}) == {
        "upstreams.b.example.client_certificate": NOT_THERE,
        "upstreams.b.example.client_key": NOT_THERE,
        "upstreams.b.example.docker_config": NOT_THERE,
        "server.tls.certificate": NOT_THERE,
        "server.tls.key": NOT_THERE,
        "server.tls.client_ca": NOT_THERE,
        "upstreams.a.example.ca_file": NOT_THERE,
        "upstreams.a.example.password_file": NOT_THERE,
    }


def test_a_directory_and_a_pipe_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        upstream = {"username": "alice", "password_file": str(path), "ca_file": str(path)}
        assert set(told(upstreams={"a.example": upstream}).values()) == {"cannot be read: not a regular file"}


def test_a_certificate_and_a_key_are_told_apart(tmp_path: Path, authority: Authority) -> None:
    certificate, key = authority.server_files("mirror.test")
    text = tmp_path / "text"
    text.write_text("canary")
    assert told_of_tls(certificate=text, key=key) == {"certificate": NO_CERTIFICATE}
    assert told_of_tls(certificate=certificate, key=text) == {"key": NO_KEY}
    assert told_of_tls(certificate=certificate, key=key, client_ca=text) == {"client_ca": NO_CERTIFICATE}
    assert told_of_tls(certificate=certificate, key=key, client_ca=key) == {"client_ca": NO_CERTIFICATE}
    assert told(upstreams={"a.example": {"ca_file": str(text)}}) == {"upstreams.a.example.ca_file": NO_CERTIFICATE}


def test_a_key_belongs_to_its_certificate(tmp_path: Path, authority: Authority) -> None:
    certificate, _ = authority.server_files("mirror.test")
    (tmp_path / "other").mkdir()
    _, other = Authority(tmp_path / "other").server_files("mirror.test")
    assert told_of_tls(certificate=certificate, key=other) == {"key": "does not belong to the certificate"}


def test_nobody_is_asked_for_the_passphrase_of_a_key(tmp_path: Path, authority: Authority) -> None:
    certificate, key = authority.server_files("mirror.test")
    encrypted = tmp_path / "encrypted.key"
    command = ["openssl", "pkey", "-in", str(key), "-aes256", "-passout", "pass:canary", "-out", str(encrypted)]
    subprocess.run(command, check=True, timeout=30)
    assert told_of_tls(certificate=certificate, key=encrypted) == {
        "key": "is encrypted: give a key that needs no passphrase"
    }


def test_what_is_not_told_can_be_served(authority: Authority) -> None:
    certificate, key = authority.server_files("mirror.test")
    assert told_of_tls(certificate=certificate, key=key) == {}
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\r\n\n", "is empty"),
        (b"\xff\xfe", "is not text in UTF-8"),
        (b"x" * (64 * 1024 + 1), "is too large to be a password"),
        (b"x" * (64 * 1024), None),
        (b" ", None),
    ],
)
def test_a_password_is_some_text(tmp_path: Path, content: bytes, message: str | None) -> None:
    assert password_problem(tmp_path, content) == message


def test_a_cache_that_could_be_made_is_not_made(tmp_path: Path) -> None:
    assert told_of_root(tmp_path / "one" / "two") is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "make", [Path.touch, lambda path: path.symlink_to("nowhere")], ids=["a file", "a link that leads nowhere"]
)
def test_a_cache_lies_in_a_directory(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "there")
    expected = f"cannot be used: {tmp_path / 'there'} is not a directory"
    assert told_of_root(tmp_path / "there") == expected
    assert told_of_root(tmp_path / "there" / "cache") == expected


def test_a_cache_lies_where_this_user_may_write(nobody: Path) -> None:
    assert told_of_root(nobody / "open" / "one" / "two") is None
    for name in ("readable", "closed"):
        place = nobody / name
        assert told_of_root(place) == f"cannot be used: this user may not write in {place}"
        assert told_of_root(place / "one" / "two") == f"cannot be made: this user may not write in {place}"


def test_a_file_that_this_user_may_not_read_is_told(nobody: Path) -> None:
    upstream = {"username": "alice", "password_file": str(nobody / "secret"), "ca_file": str(nobody / "closed" / "x")}
    assert set(told(upstreams={"a.example": upstream}, storage={"root": str(nobody / "open")}).values()) == {
        "cannot be read: Permission denied"
    }


def test_what_is_to_stay_free_is_less_than_there_is(tmp_path: Path) -> None:
    root = str(tmp_path)
    assert list(told(storage={"root": root, "min_free": "1000000TiB"})) == ["storage.min_free"]
    assert told(storage={"root": root, "min_free": "1MiB"}) == {}


def test_the_files_can_be_looked_at_alone(tmp_path: Path) -> None:
    values = {"storage": {"root": "/proc/cache"}, "upstreams": {"a.example": {"ca_file": str(tmp_path / "missing")}}}
    assert [problem.message for problem in unusable_files(Settings.model_validate(values))] == [NOT_THERE]


def test_looking_changes_no_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("canary")
    file.chmod(0o400)
    before = file.stat()
    assert told(upstreams={"a.example": {"username": "alice", "password_file": str(file)}}) == {}
    after = file.stat()
    assert (stat.S_IMODE(after.st_mode), after.st_mtime_ns) == (0o400, before.st_mtime_ns)


def test_a_certificate_for_the_upstream_has_its_key(tmp_path: Path, authority: Authority) -> None:
    certificate, key = authority.server_files("mirror.test")
    (tmp_path / "other").mkdir()
    _, other = Authority(tmp_path / "other").server_files("mirror.test")
    pair = {"client_certificate": str(certificate), "client_key": str(key)}
    assert told(upstreams={"a.example": pair}) == {}
    assert told(upstreams={"a.example": {**pair, "client_key": str(other)}}) == {
        "upstreams.a.example.client_key": "does not belong to the certificate"
    }


@pytest.mark.parametrize("content", ["", "canary", "[]", "{", "[" * 100_000])
def test_a_configuration_of_dockers_is_a_json_object(tmp_path: Path, content: str) -> None:
    file = tmp_path / "config.json"
    file.write_text('{"auths": {}}')
    assert told(upstreams={"a.example": {"docker_config": str(file)}}) == {}
    file.write_text(content)
    assert told(upstreams={"a.example": {"docker_config": str(file)}}) == {
        "upstreams.a.example.docker_config": "is not a configuration of Docker's: it holds no JSON object"
    }


def test_a_program_that_prints_logins_can_be_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "docker-credential-canary"
    program.write_text("#!/bin/sh\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    helper = {"upstreams": {"a.example": {"credential_helper": "canary"}}}
    command = {"upstreams": {"a.example": {"credential_command": [str(program), "secret"]}}}
    assert told(**helper) == {
        "upstreams.a.example.credential_helper": "cannot be run: docker-credential-canary is not on the PATH"
    }
    assert told(**command) == {
        "upstreams.a.example.credential_command": "cannot be run: there is no such file, or this user may not run it"
    }
    program.chmod(0o755)
    assert told(**helper) == told(**command) == {}


def test_a_list_of_images_that_is_not_there_is_told_and_does_not_keep_the_mirror_from_starting(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("alpine\n")
    images = ["alpine", {"file": str(tmp_path / "none.txt")}, {"file": str(tmp_path / "list.txt")}]
    assert told(images=images) == {"images[1]": f"file {NOT_THERE}"}
    assert list(unusable_files(Settings.model_validate({"images": images}))) == []
