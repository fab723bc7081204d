"""What a registry can be asked, by the names that its questions go by in figures."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from mirror.oci.digest import Digest
from mirror.upstream.registry import Registry
from tests.support.upstreams import pull

BLOB = b"blob" * 1000
DIGEST = Digest.of(BLOB)
QUESTIONS: dict[str, Callable[[Registry], Awaitable[object]]] = {
    "head_manifest": lambda registry: registry.head_manifest("a/b", "v1"),
    "manifest": lambda registry: registry.manifest("a/b", "v1"),
    "head_blob": lambda registry: registry.head_blob("a/b", DIGEST),
    "blob": lambda registry: pull(registry, "a/b", DIGEST),
    "tags": lambda registry: registry.tags("a/b"),
}
every_question = pytest.mark.parametrize("operation", QUESTIONS)
