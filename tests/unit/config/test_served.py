"""Which upstreams are served, by the configuration."""

from __future__ import annotations

from mirror.config.served import unserved
from mirror.config.settings import Settings


def settings(**values: object) -> Settings:
    return Settings.model_validate(values)


def test_those_are_that_are_built_in_or_configured_by_any_of_their_names() -> None:
    images = ["docker.io/library/a:1", "index.docker.io/b:1", "ghcr.io/c:1", "registry.example:5000/d:1"]
    assert unserved(settings(), images) == ("registry.example:5000",)
    upstreams = {"registry.example:5000": None}
    assert unserved(settings(upstreams=upstreams), images) == ()
    alone = settings(upstreams=upstreams, builtin_upstreams=False, default_upstream="registry.example:5000")
    assert unserved(alone, images) == ("docker.io", "ghcr.io", "index.docker.io")


def test_one_may_stand_for_many_hosts() -> None:
    images = ["a.example.com/app:1", "a.b.example.com/app:1", "example.com/app:1"]
    assert unserved(settings(upstreams={"*.example.com": None}), images) == ("a.b.example.com", "example.com")


def test_each_is_named_once_and_in_order() -> None:
    images = ["b.example/x:1", "a.example/y:1", "b.example/z@sha256:0"]
    assert unserved(settings(), images) == ("a.example", "b.example")
