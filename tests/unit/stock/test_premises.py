"""Where a cache lies by its configuration, and a look into it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mirror.config.settings import Settings
from mirror.errors import StoreFailed
from mirror.stock.naming import Named
from mirror.stock.premises import Premises, premises_of
from mirror.store.index import DatabaseError
from mirror.store.looking import Looking
from tests.support.larder import BASE, Larder, filled


def test_names_and_bounds_are_those_of_the_configuration(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {
            "storage": {"root": str(tmp_path), "max_size": "50%", "min_free": "1KiB"},
            "default_upstream": "registry.lan",
            "upstreams": {"registry.lan": {}},
        }
    )
    premises = premises_of(settings, lambda host: host == "mirror.lan:5000")
    assert (premises.root, premises.room.max_size(1000), premises.room.min_free(10**6)) == (tmp_path, 500, 1024)
    assert premises.naming.image("app") == Named("registry.lan", "app", "latest")
    assert premises.naming.image("mirror.lan:5000/app:v1") == Named("registry.lan", "app", "v1")
    assert premises.naming.image("index.docker.io/app:v1") == Named("docker.io", "library/app", "v1")


def test_what_the_databases_or_the_disk_refuse_is_a_failure_of_the_store(tmp_path: Path) -> None:
    async def one(larder: Larder) -> Premises:
        await larder.image("team/app", "v1", [BASE])
        return larder.premises

    premises = filled(tmp_path, one)
    assert premises.look(lambda looking: len(looking.images.list())) == 1

    def broken(_: Looking) -> None:
        raise DatabaseError("disk I/O error")

    with pytest.raises(StoreFailed, match="cannot be looked into"):
        premises.look(broken)
    nowhere = replace(premises, root=tmp_path / "none")
    with pytest.raises(StoreFailed, match=r"storage\.root"):
        nowhere.look(lambda looking: looking.images.list())
