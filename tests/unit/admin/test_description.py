"""The description of the operator's API, and that it is of the API that there is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from mirror import __version__
from mirror.admin.description import PATH, description
from tests.support.mirror_thread import MirrorThread
from tests.support.raw_client import RawClient

DOCUMENT: dict[str, Any] = json.loads(description())
METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MirrorThread]:
    with MirrorThread(tmp_path_factory.mktemp("description")) as served:
        yield served


def described() -> set[tuple[str, str]]:
    return {(method, path) for path, item in DOCUMENT["paths"].items() for method in METHODS if method in item}


def test_it_is_served_with_the_version_that_runs(served: MirrorThread) -> None:
    with RawClient(served.admin_address) as client:
        answer = client.ask("GET", PATH)
    assert (answer.status, answer["Content-Type"]) == (200, "application/json")
    assert json.loads(answer.body) == DOCUMENT
    assert DOCUMENT["info"]["version"] == __version__


def test_it_describes_every_route_and_no_other(served: MirrorThread) -> None:
    routes = served.mirror.mirror.admin._runner.app.router.routes()
    found = {(route.method.lower(), route.resource.canonical) for route in routes if route.resource is not None}
    assert described() == {(method, path) for method, path in found if method != "head"}


def test_every_answer_of_the_api_may_be_a_refusal() -> None:
    for path, item in DOCUMENT["paths"].items():
        for operation in item.values():
            assert ("403" in operation["responses"]) == path.startswith("/api/")


def test_what_is_referred_to_is_there() -> None:
    text = json.dumps(DOCUMENT)
    names = {part.partition('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert names == set(DOCUMENT["components"]["schemas"])
