"""The registries that work without configuration."""

from __future__ import annotations

import pytest

from mirror.config.addresses import parse_endpoint, parse_registry
from mirror.config.registries import ALIASES, ENDPOINTS, endpoint_of


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
