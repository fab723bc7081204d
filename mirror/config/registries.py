"""The registries that work without configuration, and the further names of Docker Hub. Dials nothing.

Each token realm of these is on the endpoint's own host or registrable domain, so none needs `realms`.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

# The registry of Docker Hub does not answer at docker.io itself.
ENDPOINTS = MappingProxyType(
    {
        "docker.io": "https://registry-1.docker.io",
        "ghcr.io": "https://ghcr.io",
        "quay.io": "https://quay.io",
        "registry.k8s.io": "https://registry.k8s.io",
        "gcr.io": "https://gcr.io",
        "mcr.microsoft.com": "https://mcr.microsoft.com",
        "public.ecr.aws": "https://public.ecr.aws",
        "nvcr.io": "https://nvcr.io",
    }
)

ALIASES = MappingProxyType(
    {
        "index.docker.io": "docker.io",
        "registry-1.docker.io": "docker.io",
        "registry.hub.docker.com": "docker.io",
    }
)

# Where what Docker asks when nothing else is named is searched.
SEARCHES = MappingProxyType({"docker.io": "https://index.docker.io"})


def endpoint_of(registry: str) -> str:
    """The base URL at which a registry of this name answers when nothing else is configured."""
    return ENDPOINTS.get(registry, f"https://{registry}")


def search_of(registry: str, endpoints: Sequence[str]) -> str | None:
    """The base URL of the search that a registry of this name has, if it is asked at its own endpoint."""
    return SEARCHES.get(registry) if tuple(endpoints) == (endpoint_of(registry),) else None
