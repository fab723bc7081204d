"""`mirror pull`: names as Docker has them, the login that Docker has, and what is said in the end."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirror.commands.pull import full_name, host_platform
from mirror.oci.image_name import ImageName
from tests.support.commands import Commands
from tests.support.mirror_thread import MirrorThread

PRIVATE = "localhost.localdomain:5000"
USER, PASSWORD = "alice", "canary-of-alice"


def overrides(url: str) -> dict[str, object]:
    """Docker Hub and a private registry, which are one here."""
    return {"upstreams": {"docker.io": {"insecure": True}, PRIVATE: {"endpoints": [url], "insecure": True}}}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[MirrorThread]:
    with MirrorThread(tmp_path, overrides) as served:
        served.call(lambda: served.registry.push_image("library/ubuntu", "14.04", [b"trusty", b"a layer"]))
        served.call(lambda: served.registry.push_image("library/ubuntu", "latest", [b"noble", b"a layer"]))
        served.call(lambda: served.registry.push_image("docker/ubuntu", "14.04", [b"trusty", b"private"]))
        yield served


def docker(tmp_path: Path, *registries: str) -> dict[str, str]:
    """The environment of somebody who has logged in there."""
    auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {name: {"auth": auth} for name in registries}}))
    return {"DOCKER_CONFIG": str(tmp_path)}


def test_images_are_pulled_as_docker_would(tmp_path: Path, served: MirrorThread) -> None:
    names = ["ubuntu", "ubuntu:14.04", f"{PRIVATE}/docker/ubuntu:14.04"]
    environment = docker(tmp_path, "https://index.docker.io/v1/", PRIVATE)
    served.call(lambda: served.registry.require_basic(USER, PASSWORD))
    result = Commands(tmp_path).reaching(served).run("pull", *names, environment=environment)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()  # those of the mirror's log, which runs in this process, among them
    assert next(line for line in lines if line.endswith(": pulling")) == "docker.io/library/ubuntu:latest: pulling"
    assert [line.partition(": sha256:")[0] for line in lines if ": sha256:" in line] == [
        "docker.io/library/ubuntu:latest",
        "docker.io/library/ubuntu:14.04",
        f"{PRIVATE}/docker/ubuntu:14.04",
    ]
    assert sum(line.endswith("already here (7 B)") for line in lines) == 1
    assert "could not confirm it" in result.output
    assert PASSWORD not in result.output
    shown = {seen.headers.get("authorization") for seen in served.registry.requests} - {None}
    assert len(shown) == 1


def test_without_a_login_what_is_private_is_refused_and_it_is_said_what_to_do(
    tmp_path: Path, served: MirrorThread
) -> None:
    served.call(lambda: served.registry.require_basic(USER, PASSWORD))
    commands = Commands(tmp_path).reaching(served)
    for arguments in (("ubuntu",), ("--no-login", "ubuntu")):
        environment = docker(tmp_path, "ghcr.io") if len(arguments) == 1 else docker(tmp_path, "docker.io")
        result = commands.run("pull", *arguments, environment=environment)
        assert (result.exit_code, "`docker login docker.io`" in result.output) == (1, True)
        assert all("authorization" not in seen.headers for seen in served.registry.requests)


def test_an_image_of_a_registry_that_is_not_configured_says_what_to_add(tmp_path: Path, served: MirrorThread) -> None:
    result = Commands(tmp_path).reaching(served).run("pull", "nowhere.test/a/b", "ubuntu")
    assert result.exit_code == 1
    assert "nowhere.test/a/b:latest: this mirror does not serve that registry" in result.output
    assert "add `nowhere.test: {}` to `upstreams` in mirror.yml" in result.output
    assert "docker.io/library/ubuntu:latest: sha256:" in result.output  # the others are pulled none the less


def test_a_list_names_images_and_their_platforms(tmp_path: Path, served: MirrorThread) -> None:
    (tmp_path / "list").write_text("# of the lab\nubuntu:14.04 linux/arm64,amd64\n")
    commands = Commands(tmp_path).reaching(served)
    result = commands.run("pull", "--json", "-f", str(tmp_path / "list"))
    assert result.exit_code == 0
    # The log of the mirror, which runs in this process, stands there too.
    documents = [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]
    assert documents[-1]["state"] == "done"
    (job,) = served.call(lambda: list(served.mirror.mirror.orders.jobs))
    assert job.order.platforms == ("linux/arm64/v8", "linux/amd64/v1")
    (tmp_path / "list").write_text("NO NAME\n")
    result = commands.run("pull", "-f", str(tmp_path / "list"))
    assert (result.exit_code, "line 1: " in result.output) == (1, True)


def test_platforms_and_referrers_are_asked_for_as_they_are_named(tmp_path: Path, served: MirrorThread) -> None:
    commands = Commands(tmp_path).reaching(served)
    for arguments, platforms, referrers in (
        ((), (host_platform(),), False),
        (("--all-platforms", "--referrers"), (), True),
        (("--platform", "arm64", "--platform", "linux/s390x"), ("linux/arm64/v8", "linux/s390x"), False),
    ):
        assert commands.run("pull", "ubuntu", *arguments).exit_code == 0
        order = served.call(lambda: list(served.mirror.mirror.orders.jobs)[-1].order)
        assert (order.platforms, order.referrers) == (platforms, referrers)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "name an image, or a list with -f"),
        (("UPPER",), "write ubuntu, ghcr.io/owner/name:tag"),
        (("a", "--platform", "no platform"), "not a platform"),
        (("a", "--platform", "arm64", "--all-platforms"), "exclude each other"),
        (("a", "--unknown"), "No such option"),
    ],
)
def test_a_command_line_that_is_wrong_ends_with_2(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    result = Commands(tmp_path).run("pull", *arguments)
    assert (result.exit_code, words in result.output) == (2, True), result.output


def test_where_no_mirror_answers_it_is_said_how_to_start_one(tmp_path: Path) -> None:
    result = Commands(tmp_path).run("pull", "ubuntu", "--no-login")
    assert (result.exit_code, "start one with `mirror serve`, or give --url" in result.output) == (1, True)
    result = Commands(tmp_path).run("pull", "ubuntu", "--url", "ftp://a")
    assert (result.exit_code, "not a URL" in result.output) == (1, True)


def test_a_login_does_not_travel_unencrypted_unless_somebody_insists(tmp_path: Path) -> None:
    environment = docker(tmp_path, "docker.io")
    commands = Commands(tmp_path)
    url = ("--url", "http://mirror.invalid:1")
    result = commands.run("pull", "ubuntu", *url, environment=environment)
    assert (result.exit_code, "would travel unencrypted" in result.output) == (1, True)
    for insisting in ("--plain-login", "--no-login"):
        result = commands.run("pull", "ubuntu", *url, insisting, environment=environment)
        assert "no mirror answers at http://mirror.invalid:1" in result.output


def test_a_login_that_cannot_be_read_is_not_left_out(tmp_path: Path, served: MirrorThread) -> None:
    (tmp_path / "config.json").write_text("{")
    result = Commands(tmp_path).reaching(served).run("pull", "ubuntu", "--docker-config", str(tmp_path / "config.json"))
    assert (result.exit_code, "docker_config is not JSON" in result.output) == (1, True)


def test_a_file_with_logins_that_was_named_has_to_be_there(tmp_path: Path) -> None:
    result = Commands(tmp_path).run("pull", "ubuntu", "--docker-config", str(tmp_path / "none.json"))
    assert (result.exit_code, "none.json' does not exist" in result.output) == (2, True)


def test_a_credential_helper_that_cannot_be_run_is_named_with_a_way_round_it(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"credsStore": "desktop"}')
    result = Commands(tmp_path).run("pull", "ubuntu", environment={"DOCKER_CONFIG": str(tmp_path), "PATH": "/none"})
    assert result.exit_code == 1
    for words in ("docker-credential-desktop cannot be started", "--no-login pulls without", "docker login docker.io"):
        assert words in result.output


def test_a_name_without_a_registry_is_docker_hubs() -> None:
    assert str(full_name(ImageName.parse("ubuntu"))) == "docker.io/ubuntu:latest"
    assert str(full_name(ImageName.parse("a.test/ubuntu"))) == "a.test/ubuntu:latest"


def test_its_help_suffices(tmp_path: Path) -> None:
    text = Commands(tmp_path).run("pull", "--help").output
    assert "mirror pull ubuntu:24.04" in text
    assert "Ends with 1" in text
