"""The clients' configuration files, given as they are to the real clients, which then ask the mirror."""

from __future__ import annotations

import json
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mirror.config.registries import ENDPOINTS
from mirror.config.settings import Settings
from tests.support.processes import Daemon
from tests.support.sealed import Sealed

DEPLOY = Path(__file__).parents[2] / "deploy"
HOSTS = sorted((DEPLOY / "certs.d").rglob("hosts.toml"))
CONTAINERD = "/run/containerd.sock"  # of the sealed place: paths of sockets have to be short
MIRROR = Settings().server.listen[0]


class Nothing(BaseHTTPRequestHandler):
    """A registry that has nothing and remembers what it was asked for."""

    protocol_version = "HTTP/1.1"
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        body = b"{}" if self.path == "/v2/" else b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"unknown"}]}'
        self.send_response(200 if self.path == "/v2/" else 404)
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - the name is the library's

    def log_message(self, format: str, *args: object) -> None:
        """The tests read `asked`."""


@pytest.fixture
def sealed(tmp_path: Path) -> Iterator[Sealed]:
    sealed = Sealed(tmp_path)
    yield sealed
    sealed.close()


@pytest.fixture
def asked(sealed: Sealed) -> Iterator[list[str]]:
    """The paths asked for at the mirror's default address, which in here is nobody else's."""

    class Handler(Nothing):
        asked: list[str] = []  # noqa: RUF012 - one list for all the connections of one test

    def listen() -> ThreadingHTTPServer:
        return ThreadingHTTPServer((MIRROR.host, MIRROR.port), Handler)

    server = sealed.call(listen)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="mirror")
    thread.start()
    yield Handler.asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_dockerd_reads_the_mirror_from_its_configuration(sealed: Sealed) -> None:
    # dockerd 20.10 cannot only validate. Given one option in two places it names both values and ends.
    done = sealed.run("dockerd", f"--config-file={DEPLOY / 'daemon.json'}", "--registry-mirror=http://other:1")
    assert done.returncode != 0
    assert f"registry-mirrors: (from flag: [http://other:1/], from file: [http://{MIRROR}])" in done.stderr.decode()


def test_the_configuration_of_dockerd_says_nothing_but_the_mirror() -> None:
    assert json.loads((DEPLOY / "daemon.json").read_text()) == {"registry-mirrors": [f"http://{MIRROR}"]}


@pytest.mark.parametrize("registry", ENDPOINTS)
def test_skopeo_asks_the_mirror_for_every_registry_that_it_serves(
    sealed: Sealed, asked: list[str], registry: str
) -> None:
    config = f"--registries-conf={DEPLOY / 'registries.conf'}"
    done = sealed.run("skopeo", config, "inspect", f"docker://{registry}/some/image:tag")
    assert f"/v2/{registry}/some/image/manifests/tag" in asked, done.stderr.decode()


def test_podman_accepts_the_configuration(sealed: Sealed, asked: list[str]) -> None:
    environment = {"CONTAINERS_REGISTRIES_CONF": str(DEPLOY / "registries.conf")}
    options = [f"--root={sealed.home}/root", "--runroot=/run/podman", "--storage-driver=vfs", "--events-backend=none"]
    done = sealed.run("podman", *options, "pull", "docker.io/library/busybox", more=environment)
    assert "/v2/docker.io/library/busybox/manifests/latest" in asked, done.stderr.decode()


@pytest.mark.parametrize("path", HOSTS, ids=lambda path: path.parent.name)
def test_a_host_file_sends_pulls_to_the_mirror_and_pushes_nothing_there(path: Path) -> None:
    document = tomllib.loads(path.read_text())
    assert document.keys() <= {"server", "host"}
    assert document["host"] == {f"http://{MIRROR}": {"capabilities": ["pull", "resolve"]}}
    server = {} if path.parent.name == "_default" else {"server": ENDPOINTS[path.parent.name]}
    assert {name: value for name, value in document.items() if name == "server"} == server


def test_there_is_a_host_file_for_docker_hub_and_one_for_the_rest() -> None:
    assert [path.parent.name for path in HOSTS] == ["_default", "docker.io"]


@pytest.fixture
def containerd(sealed: Sealed) -> Iterator[Daemon]:
    configuration = sealed.home / "containerd.toml"
    configuration.write_text(
        f"""
        version = 2
        root = "{sealed.home}/root"
        state = "/run/state"
        disabled_plugins = ["io.containerd.grpc.v1.cri"]
        [grpc]
          address = "{CONTAINERD}"
        [plugins."io.containerd.internal.v1.opt"]
          path = "{sealed.home}/opt"
        """
    )
    daemon = sealed.start("containerd", ["containerd", "--config", str(configuration)])
    try:
        daemon.wait_ready(lambda: sealed.run("ctr", "-a", CONTAINERD, "version").returncode == 0)
        yield daemon
    finally:
        daemon.stop()


def test_containerd_asks_the_mirror_for_every_registry_and_says_which(
    sealed: Sealed, asked: list[str], containerd: Daemon
) -> None:
    pull = ["ctr", "-a", CONTAINERD, "images", "pull", f"--hosts-dir={DEPLOY / 'certs.d'}"]
    failures = [sealed.run(*pull, f"{registry}/some/image:tag").stderr.decode() for registry in ENDPOINTS]
    expected = {f"/v2/some/image/manifests/tag?ns={registry}" for registry in ENDPOINTS}
    assert expected - set(asked) == set(), [*failures, containerd.tail()]
