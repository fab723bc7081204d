"""What is said when the mirror has begun to serve."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from mirror import __version__
from mirror.config.addresses import ListenAddress
from mirror.config.settings import Settings
from mirror.server.announcing import announce

ADMIN = ListenAddress("127.0.0.1", 5001)


def said_of(*hosts: str, **values: Any) -> list[EventDict]:
    with capture_logs() as said:
        announce(Settings.model_validate(values), [ListenAddress(host, 5000) for host in hosts], [ADMIN], 1234)
    return list(said)


@pytest.mark.parametrize(
    ("host", "dialled"), [("192.0.2.1", "192.0.2.1"), ("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]")]
)
def test_it_is_said_what_is_served_and_what_to_write_for_docker(host: str, dialled: str) -> None:
    serving, docker = said_of(host)
    assert serving["at"] == f"http://{dialled}:5000"
    assert serving["admin"] == "http://127.0.0.1:5001"
    assert serving["cache"] == str(Path("cache").resolve())
    assert (serving["version"], serving["cached_bytes"]) == (__version__, 1234)
    assert "docker.io" in serving["registries"].split(", ")
    assert json.loads(docker["event"].partition(": ")[2]) == {"registry-mirrors": [serving["at"]]}


def test_every_address_is_said_and_the_first_is_for_docker() -> None:
    serving, docker = said_of("192.0.2.1", "192.0.2.2")
    assert serving["at"] == "http://192.0.2.1:5000, http://192.0.2.2:5000"
    assert docker["event"].endswith('{"registry-mirrors": ["http://192.0.2.1:5000"]}')


def test_with_a_certificate_it_is_https() -> None:
    serving, _ = said_of("192.0.2.1", server={"tls": {"certificate": "c", "key": "k"}})
    assert serving["at"] == "https://192.0.2.1:5000"
