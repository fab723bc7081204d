"""The effective configuration for people."""

from __future__ import annotations

from pathlib import Path

from mirror.config.settings import Settings
from mirror.config.summary import summarise


def test_the_defaults_in_short() -> None:
    lines = list(summarise(Settings()))
    assert lines[:4] == [
        "registry   http://127.0.0.1:5000",
        "admin      http://127.0.0.1:5001",
        f"cache      {Path.cwd() / 'cache'} (at most 80%, 5% of the disk kept free, durability safe)",
        "log        console, level info, requests yes",
    ]
    assert lines[4] == "upstream   docker.io = https://registry-1.docker.io (default)"
    assert len(lines) == 4 + len(Settings().resolved_upstreams())


def test_what_is_unusual_about_an_upstream_is_said_and_no_secret() -> None:
    settings = Settings.model_validate(
        {
            "server": {"listen": [":443", "[::1]:444"], "tls": {"certificate": "c", "key": "k"}},
            "storage": {"min_free": "1GiB"},
            "log": {"access": False},
            "default_upstream": "index.docker.io",
            "builtin_upstreams": False,
            "upstreams": {
                "docker.io": {
                    "username": "alice",
                    "password": "canary",
                    "hosts": "hub.lan",
                    "proxy": "http://u:canary@proxy.lan:3128",
                },
                "a.example": {"username": "bob", "password_file": "/run/a", "insecure": True},
                "b.example": {"username": "eve", "password_env": "B", "allow_private_addresses": True},
            },
        }
    )
    lines = list(summarise(settings))
    assert lines[0] == "registry   https://:443, https://[::1]:444"
    assert "1GiB of the disk kept free" in lines[2]
    assert lines[3].endswith("requests no")
    assert lines[4:] == [
        "upstream   docker.io = https://registry-1.docker.io "
        "(user alice, password ***, also as hub.lan, through a proxy, default)",
        "upstream   a.example = https://a.example (user bob, password from file /run/a, insecure)",
        "upstream   b.example = https://b.example (user eve, password from variable B, private addresses allowed)",
    ]
    assert "canary" not in "\n".join(lines)
