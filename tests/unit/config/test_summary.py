"""The effective configuration for people."""

from __future__ import annotations

from pathlib import Path

from mirror.config.settings import Settings
from mirror.config.summary import summarise

TLS = {"certificate": "c", "key": "k"}


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


def test_several_processes_are_told() -> None:
    for workers, told in ((4, "4"), ("auto", "as many as processors")):
        lines = list(summarise(Settings.model_validate({"server": {"workers": workers}})))
        assert lines[2] == f"workers    {told}"


def test_what_is_done_without_being_asked_is_told_and_no_secret() -> None:
    hooks = [
        {"url": "https://hooks.example:8443/canary?canary", "secret_file": "/s"},
        {"url": "http://10.0.0.1/canary"},
    ]
    images = ["alpine", {"file": "/etc/mirror/images.txt", "schedule": "30 2 * * 1-5"}]
    values = {"images": images, "notifications": {"endpoints": hooks}, "server": {"tls": {"client_ca": "ca"} | TLS}}
    lines = list(summarise(Settings.model_validate(values)))
    assert lines[0].endswith(", clients show a certificate")
    assert lines[4:8] == [
        "kept ready alpine, at 0 4 * * *",
        "kept ready what /etc/mirror/images.txt lists, at 30 2 * * 1-5",
        "notices    to https://hooks.example:8443, signed",
        "notices    to http://10.0.0.1",
    ]
    assert "canary" not in "\n".join(lines)


def test_what_is_unusual_about_tags_and_repositories_of_an_upstream_is_said() -> None:
    upstream = {
        "allow": ["a/*", "b"],
        "deny": "a/x",
        "hold_new_digests": "24h",
        "on_deleted": "forget",
        "prefetch": "off",
    }
    values = {"upstreams": {"a.example": upstream}, "builtin_upstreams": False, "default_upstream": "a.example"}
    assert list(summarise(Settings.model_validate(values)))[-1] == (
        "upstream   a.example = https://a.example (only a/* b, never a/x, new digests held for 24 h,"
        " deleted tags forgotten, prefetch off, default)"
    )


def test_what_is_unusual_about_an_upstream_is_said_and_no_secret() -> None:
    settings = Settings.model_validate(
        {
            "server": {"listen": [":443", "[::1]:444"], "tls": TLS},
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


def test_where_a_login_comes_from_is_said_and_what_a_program_is_told_is_not() -> None:
    upstreams = {
        "a.example": {"docker_config": "/home/alice/.docker/config.json"},
        "b.example": {"username": "bob", "credential_command": ["/bin/login", "--canary"]},
        "c.example": {"credential_command": ["login", "canary"], "request_rate": "300/m"},
        "d.example": {"client_certificate": "/c", "client_key": "/canary", "search": "https://s.example"},
        "*.pkg.dev": {"credential_helper": "gcloud"},
    }
    values = {"upstreams": upstreams, "builtin_upstreams": False, "default_upstream": "a.example", "catalog": True}
    lines = list(summarise(Settings.model_validate(values)))
    assert lines[4:] == [
        "catalog    /v2/_catalog tells what is cached",
        "upstream   a.example = https://a.example (login from /home/alice/.docker/config.json, default)",
        "upstream   b.example = https://b.example (user bob, password from program /bin/login)",
        "upstream   c.example = https://c.example (login from program login, at most 5 requests a second)",
        "upstream   d.example = https://d.example (certificate /c, searched at https://s.example)",
        "upstream   *.pkg.dev = every host that matches (login from docker-credential-gcloud)",
    ]
    assert "canary" not in "".join(lines)
