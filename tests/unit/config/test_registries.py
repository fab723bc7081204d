"""The registries that work without configuration."""

from __future__ import annotations

import pytest

from mirror.config.addresses import parse_endpoint, parse_registry
from mirror.config.registries import ALIASES, ENDPOINTS, SEARCHES, endpoint_of, search_of


@pytest.mark.parametrize(("registry", "endpoint"), ENDPOINTS.items())
def test_a_built_in_registry_has_a_valid_name_and_an_endpoint_over_tls(registry: str, endpoint: str) -> None:
    assert parse_registry(registry) == registry
    assert parse_endpoint(endpoint) == endpoint
    assert endpoint.startswith("https://")


def test_docker_hub_answers_elsewhere_than_at_its_name() -> None:
    assert endpoint_of("docker.io") == "https://registry-1.docker.io"


def test_any_other_registry_answers_at_its_name() -> None:
    assert endpoint_of("registry.example:8443") == "https://registry.example:8443"


def test_a_further_name_means_a_built_in_registry_and_is_none_itself() -> None:
    assert set(ALIASES.values()) <= set(ENDPOINTS)
    assert not set(ALIASES) & set(ENDPOINTS)


def test_a_registry_that_is_asked_at_its_own_endpoint_is_searched_where_it_is_searched() -> None:
    assert search_of("docker.io", ["https://registry-1.docker.io"]) == SEARCHES["docker.io"]
    assert parse_endpoint(SEARCHES["docker.io"]) == SEARCHES["docker.io"]


@pytest.mark.parametrize(
    ("registry", "endpoints"),
    [
        ("docker.io", ["https://hub.inside.example"]),
        ("docker.io", ["https://hub.inside.example", "https://registry-1.docker.io"]),
        ("quay.io", ["https://quay.io"]),
        ("*.example", []),
    ],
)
def test_nobody_else_is_searched_without_having_been_configured(registry: str, endpoints: list[str]) -> None:
    assert search_of(registry, endpoints) is None
