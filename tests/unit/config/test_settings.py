"""What the settings are, which of them fit together, and which upstreams they amount to."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from mirror.config.addresses import ListenAddress
from mirror.config.quantities import Share
from mirror.config.registries import ALIASES, ENDPOINTS
from mirror.config.settings import Section, Settings, Upstream


def settings(**values: Any) -> Settings:
    return Settings.model_validate(values)


def fields(section: Section) -> dict[str, Any]:
    return {name: fields(value) if isinstance(value, Section) else value for name, value in section}


def upstream(**values: Any) -> Upstream:
    return settings(upstreams={"registry.example": values}).upstreams["registry.example"]


def test_without_configuration_only_this_machine_is_served() -> None:
    defaults = Settings()
    assert defaults.server.listen == (ListenAddress("127.0.0.1", 5000),)
    assert defaults.admin.listen == (ListenAddress("127.0.0.1", 5001),)
    assert defaults.storage.root == Path("cache")


def test_without_configuration_the_well_known_registries_are_served() -> None:
    resolved = Settings().resolved_upstreams()
    assert {name: entry.endpoints for name, entry in resolved.items()} == {
        name: (endpoint,) for name, endpoint in ENDPOINTS.items()
    }
    assert "docker.io" in resolved


def test_every_default_would_pass_as_a_value() -> None:
    defaults = Settings()
    assert Settings.model_validate(fields(defaults)) == defaults
    assert Upstream.model_validate(fields(Upstream())) == Upstream()


def test_one_value_may_stand_where_a_list_is_wanted() -> None:
    read = settings(server={"listen": ":5000", "trusted_proxies": "10.0.0.0/8"})
    assert read.server.listen == (ListenAddress("", 5000),)
    assert read.server.trusted_proxies == (ip_network("10.0.0.0/8"),)


def test_quantities_become_bytes_seconds_and_shares() -> None:
    read = settings(limits={"manifest_size": "1MiB", "keepalive": "2m"}, storage={"max_size": "50%", "min_free": 10})
    assert (read.limits.manifest_size, read.limits.keepalive) == (1024**2, 120.0)
    assert (read.storage.max_size, read.storage.min_free) == (Share(percent=50.0), Share(size=10))


def test_the_scrub_takes_its_time_or_is_off() -> None:
    assert Settings().storage.scrub == 30 * 86400.0
    assert settings(storage={"scrub": "2w"}).storage.scrub == 14 * 86400.0
    assert settings(storage={"scrub": 0}).storage.scrub == 0


def test_an_empty_key_has_its_default() -> None:
    read = settings(server=None, log={"level": None}, upstreams={"docker.io": None, "ghcr.io": {"tag_ttl": None}})
    assert read.server == Settings().server
    assert read.log == Settings().log
    assert read.upstreams == {"docker.io": Upstream(), "ghcr.io": Upstream()}


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().log.level = "debug"


@pytest.mark.parametrize(
    "values",
    [
        {"listen": "x"},
        {"server": {"lisen": ":5000"}},
        {"server": {"listen": []}},
        {"server": {"workers": 65}},
        {"server": {"workers": True}},
        {"server": {"tls": {"certificate": "a.pem"}}},
        {"server": {"tls": {"key": "a.pem"}}},
        {"server": {"tls": {"client_ca": "a.pem"}}},
        {"storage": {"max_size": 0}},
        {"storage": {"root": ""}},
        {"storage": {"durability": "maybe"}},
        {"storage": {"scrub": "often"}},
        {"default_upstream": "unknown.example"},
        {"default_upstream": "unknown"},
        {"builtin_upstreams": False},
        {"upstreams": {"nodot": {}}},
        {"upstreams": {"index.docker.io": {}}},
        {"upstreams": {"docker.io": {}, "Docker.io": {}}},
        {"upstreams": {"a.example": {"hosts": "m.lan"}, "b.example": {"hosts": "M.lan"}}},
        {"upstreams": {"*.io": {}}},
        {"upstreams": {"*.pkg.dev": {"hosts": "m.lan"}}},
        {"upstreams": {"*.pkg.dev": {"endpoints": "https://a.pkg.dev"}}},
        {"upstreams": {"*.pkg.dev": {"search": "https://a.pkg.dev"}}},
        {"default_upstream": "*.pkg.dev", "upstreams": {"*.pkg.dev": {}}},
        {"upstreams": {"a.example": {"credential_helper": "../x"}}},
        {"upstreams": {"a.example": {"on_deleted": "keep"}}},
        {"upstreams": {"a.example": {"budget_reserve": "4GiB"}}},
        {"upstreams": {"a.example": {"request_rate": 0}}},
        {"limits": {"connect_timeout": 0}},
        {"limits": {"connections": 0}},
        {"limits": {"resumes": -1}},
        {"limits": {"manifest_size": 0}},
        {"limits": {"keepalive": "101000d"}},
        {"log": {"format": "xml"}},
    ],
)
def test_values_that_make_no_sense_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(values)


@pytest.mark.parametrize("source", ["password", "password_file", "password_env"])
def test_a_user_has_exactly_one_source_of_its_password(source: str) -> None:
    read = upstream(**{"username": "alice", source: "canary"})
    value = getattr(read, source)
    assert (str(value) if source != "password" else value.get_secret_value()) == "canary"


@pytest.mark.parametrize(
    "values",
    [
        {"username": "alice"},
        {"password": "canary"},
        {"password_file": "canary"},
        {"password_env": "CANARY"},
        {"username": "alice", "password": "canary", "password_file": "canary"},
        {"username": "alice", "password": ""},
        {"username": "alice", "password": 12345678},
    ],
)
def test_a_user_without_password_and_a_password_without_user_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refusal:
        upstream(**values)
    assert "canary" not in str(refusal.value).lower().replace("password_env", "")
    assert "12345678" not in str(refusal.value)


def test_a_proxy_is_a_secret_because_it_may_hold_a_password() -> None:
    proxy = upstream(proxy="http://u:canary@Proxy.lan:3128/").proxy
    assert proxy is not None
    assert proxy.get_secret_value() == "http://u:canary@proxy.lan:3128"
    assert "canary" not in repr(proxy)
    with pytest.raises(ValidationError, match="not a URL") as refusal:
        upstream(proxy="u:canary@proxy.lan")
    assert "canary" not in str(refusal.value)


def test_no_secret_is_in_any_representation() -> None:
    read = settings(
        upstreams={"docker.io": {"username": "alice", "password": "canary", "proxy": "http://u:canary@proxy.lan:3128"}}
    )
    for entry in (read, read.resolved_upstreams()):
        assert "canary" not in f"{entry} {entry!r}"
    assert "canary" not in read.model_dump_json()


def test_an_entry_for_a_built_in_registry_keeps_its_endpoint() -> None:
    resolved = settings(upstreams={"docker.io": {"tag_ttl": "1h"}}).resolved_upstreams()
    assert resolved["docker.io"].endpoints == ("https://registry-1.docker.io",)
    assert resolved["docker.io"].tag_ttl == 3600
    assert set(resolved) == set(ENDPOINTS)


def test_endpoints_that_are_written_replace_the_built_in_one() -> None:
    resolved = settings(upstreams={"docker.io": {"endpoints": ["http://a.example/", "https://b.example"]}})
    assert resolved.resolved_upstreams()["docker.io"].endpoints == ("http://a.example", "https://b.example")


def test_without_the_built_in_registries_only_the_written_ones_are_served() -> None:
    read = settings(builtin_upstreams=False, upstreams={"docker.io": {}, "Registry.Example:5000": {}})
    assert {name: entry.endpoints for name, entry in read.resolved_upstreams().items()} == {
        "docker.io": ("https://registry-1.docker.io",),
        "registry.example:5000": ("https://registry.example:5000",),
    }
    assert read.aliases().keys() == {"docker.io", "registry.example:5000", *ALIASES}


def test_docker_hub_goes_by_four_names_while_it_is_served() -> None:
    aliases = Settings().aliases()
    hub = {"docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"}
    assert {alias for alias, name in aliases.items() if name == "docker.io"} == hub
    read = settings(builtin_upstreams=False, default_upstream="ghcr.io", upstreams={"ghcr.io": {}})
    assert read.aliases() == {"ghcr.io": "ghcr.io"}


def test_the_default_may_be_any_name_of_an_upstream_that_is_served() -> None:
    for name in ("docker.io", "Index.Docker.IO", "quay.io"):
        assert settings(default_upstream=name).default_upstream == name.lower()


def test_a_host_means_one_upstream() -> None:
    read = settings(upstreams={"docker.io": {"hosts": ["Hub.Lan", "hub.lan:5000"]}, "ghcr.io": {"hosts": "gh.lan"}})
    assert read.hosts() == {"hub.lan": "docker.io", "hub.lan:5000": "docker.io", "gh.lan": "ghcr.io"}


def test_a_pattern_is_an_upstream_without_an_endpoint_and_no_name_of_a_registry() -> None:
    read = settings(upstreams={"*.Pkg.dev": {"tag_ttl": "1h"}})
    assert read.resolved_upstreams()["*.pkg.dev"].endpoints == ()
    assert read.resolved_upstreams()["*.pkg.dev"].tag_ttl == 3600
    assert "*.pkg.dev" not in read.aliases()
