"""`MIRROR_…` variables as values of settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.config.conflicts import Place
from mirror.config.environment import Environment, read
from mirror.config.settings import Section, Settings, Upstream
from mirror.config.validation import validate

REGISTRIES = ("docker.io", "ghcr.io", "a-b.io", "a.b.io", "xn--bcher-kva.example", "Registry.Lan:5000", "*.pkg.dev")


def leaves(section: type[Section], place: Place) -> list[Place]:
    found: list[Place] = []
    for name, field in section.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            found += leaves(kind, (*place, name))
        elif (*place, name) != ("upstreams",):
            found.append((*place, name))
    return found


PLACES = leaves(Settings, ()) + [("upstreams", "docker.io", name) for name in Upstream.model_fields]


def environment(variables: Mapping[str, str]) -> Environment:
    return read(variables, REGISTRIES)


def test_a_variable_names_a_section_and_a_key() -> None:
    found = environment(
        {"MIRROR_STORAGE__ROOT": "/srv/cache", "MIRROR_DEFAULT_UPSTREAM": "x", "MIRROR_SERVER__TLS__KEY": "k"}
    )
    assert found.values == {"storage": {"root": "/srv/cache"}, "default_upstream": "x", "server": {"tls": {"key": "k"}}}
    assert found.origins[("server", "tls", "key")] == "MIRROR_SERVER__TLS__KEY"
    assert not found.unknown
    assert not found.wrong


def test_every_setting_can_be_set() -> None:
    variables = {"MIRROR_" + "__".join(place).upper(): "1" for place in PLACES}
    found = environment(variables)
    assert set(found.origins) == set(PLACES)
    assert not found.unknown


def nested(place: Place, value: object) -> dict[str, Any]:
    for key in reversed(place):
        value = {key: value}
    assert isinstance(value, dict)
    return value


@pytest.mark.parametrize("value", [10, 0.5, 20_000_000, True])
def test_what_is_a_value_in_a_file_is_the_same_one_in_a_variable(value: float) -> None:
    taken = 0
    for place in PLACES:
        settings, problems = validate(nested(place, value))
        if not problems:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            assert validate(environment({"MIRROR_" + "__".join(place).upper(): text}).values) == (settings, []), place
            taken += 1
    assert taken


@pytest.mark.parametrize(
    ("written", "registry"),
    [
        ("DOCKER_IO", "docker.io"),
        ("DOCKER.IO", "docker.io"),
        ("docker.io", "docker.io"),
        ("docker_io", "docker.io"),
        ("XN__BCHER_KVA_EXAMPLE", "xn--bcher-kva.example"),
        ("REGISTRY_LAN_5000", "Registry.Lan:5000"),
        ("registry.lan:5000", "Registry.Lan:5000"),
        ("A-B.IO", "a-b.io"),
        ("New.Example:8443", "new.example:8443"),
        ("__PKG_DEV", "*.pkg.dev"),
        ("*.Pkg.Dev", "*.pkg.dev"),
        ("*.azurecr.io", "*.azurecr.io"),
    ],
)
def test_an_upstream_is_named_literally_or_as_shells_can_write_it(written: str, registry: str) -> None:
    found = environment({f"MIRROR_UPSTREAMS__{written}__TAG_TTL": "1m"})
    assert found.values == {"upstreams": {registry: {"tag_ttl": "1m"}}}


def test_a_name_that_means_two_upstreams_is_refused() -> None:
    found = environment({"MIRROR_UPSTREAMS__A_B_IO__TAG_TTL": "1m"})
    assert found.unknown == {
        "MIRROR_UPSTREAMS__A_B_IO__TAG_TTL": "means a-b.io as well as a.b.io: write the name itself"
    }
    assert found.values == {}


def test_two_variables_for_one_setting_are_refused() -> None:
    found = environment({"MIRROR_UPSTREAMS__DOCKER.IO__PROXY": "a", "MIRROR_UPSTREAMS__DOCKER_IO__PROXY": "b"})
    assert found.wrong == {"MIRROR_UPSTREAMS__DOCKER_IO__PROXY": "says the same as MIRROR_UPSTREAMS__DOCKER.IO__PROXY"}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (":5000", [":5000"]),
        ("127.0.0.1:5000, [::1]:5000", ["127.0.0.1:5000", "[::1]:5000"]),
        ("[::]:5000", ["[::]:5000"]),
        ("[::]:5000,:80", ["[::]:5000", ":80"]),
        ('["[::]:5000", ":80"]', ["[::]:5000", ":80"]),
        ("[]", []),
        (" , ", []),
    ],
)
def test_a_list_is_json_or_stands_between_commas(text: str, values: list[str]) -> None:
    assert environment({"MIRROR_SERVER__LISTEN": text}).values == {"server": {"listen": values}}


@pytest.mark.parametrize("text", ["[x", '["a"', "[" * 100_000])
def test_a_broken_list_is_told(text: str) -> None:
    found = environment({"MIRROR_UPSTREAMS__GHCR_IO__ALLOW": text})
    assert found.wrong == {"MIRROR_UPSTREAMS__GHCR_IO__ALLOW": "neither a JSON list nor values between commas"}
    assert found.values == {}


def test_a_value_that_is_no_list_is_taken_as_it_is() -> None:
    found = environment({"MIRROR_UPSTREAMS__GHCR_IO__PASSWORD": "[a,b] "})
    assert found.values == {"upstreams": {"ghcr.io": {"password": "[a,b] "}}}


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("MIRROR_SERVER__LISTN", "unknown variable; did you mean `MIRROR_SERVER__LISTEN`?"),
        ("MIRROR_SERVER_LISTEN", "unknown variable; did you mean `MIRROR_SERVER__LISTEN`?"),
        ("MIRROR_CONFG", "unknown variable; did you mean `MIRROR_CONFIG`?"),
        ("MIRROR_DEFAULT_UPSTREM", "unknown variable; did you mean `MIRROR_DEFAULT_UPSTREAM`?"),
        (
            "MIRROR_UPSTREAMS__DOCKER_IO__PASWORD",
            "unknown variable; did you mean `MIRROR_UPSTREAMS__DOCKER_IO__PASSWORD`?",
        ),
        (
            "MIRROR_UPSTREAMS__DOKER_IO__REALMS",
            "names no upstream that is configured or built in; did you mean `MIRROR_UPSTREAMS__DOCKER_IO__REALMS`?",
        ),
        ("MIRROR_LOG", "names a section: set its keys one by one"),
        ("MIRROR_SERVER__TLS", "names a section: set its keys one by one"),
        ("MIRROR_UPSTREAMS", "names a section: set its keys one by one"),
        ("MIRROR_UPSTREAMS__DOCKER_IO", "unknown variable"),
        ("MIRROR_", "unknown variable"),
    ],
)
def test_an_unknown_variable_is_told_with_the_nearest_right_one(name: str, problem: str) -> None:
    found = environment({name: "canary"})
    assert found.values == {}
    assert found.unknown[name].startswith(problem)


@pytest.mark.parametrize(
    "name",
    [
        "MIRROR_PORT",
        "MIRROR_SERVICE_HOST",
        "MIRROR_SERVICE_PORT",
        "MIRROR_SERVICE_PORT_HTTP",
        "MIRROR_PORT_5000_TCP",
        "MIRROR_PORT_5000_TCP_ADDR",
        "MIRROR_METRICS_PORT_5001_TCP_PROTO",
        "MIRROR_METRICS_SERVICE_HOST",
    ],
)
def test_what_kubernetes_says_of_services_called_mirror_is_none_of_ours(name: str) -> None:
    assert environment({name: "tcp://10.0.0.1:5000"}) == Environment()


def test_variables_of_others_and_empty_ones_are_not_read() -> None:
    variables = {
        "PATH": "/bin",
        "MIRROR": "x",
        "mirror_log__level": "x",
        "MIRROR_LOG__LEVEL": "",
        "MIRROR_NONSENSE": "",
    }
    assert environment(variables | {"MIRROR_CONFIG": "/etc/x.yml"}) == Environment()


@given(st.dictionaries(st.text().map(lambda name: f"MIRROR_{name}"), st.text(min_size=1), max_size=3))
def test_any_environment_is_read_without_an_error(variables: dict[str, str]) -> None:
    found = environment(variables)
    told = set(found.unknown) | set(found.wrong) | set(found.origins.values())
    assert told <= set(variables)
