"""Pins over the operator's API."""

from __future__ import annotations

from pathlib import Path

from mirror.admin.pins import PATH, pin_routes
from tests.support.larder import BASE, larder
from tests.support.operator import operating


async def test_a_pin_is_made_listed_and_let_go_of(tmp_path: Path) -> None:
    async with larder(tmp_path) as made, operating(pin_routes(made.stock)) as operator:
        await made.image("library/ubuntu", "22.04", [BASE])
        said = await operator.post(PATH, {"name": "ubuntu"})
        pin = {"pin": "docker.io/library/ubuntu", "images": 1, "size": said.document["size"], "uncounted": False}
        assert (said.status, said.document) == (200, pin)
        assert (await operator.get(PATH)).document == {"pins": [pin]}
        assert (await operator.post(PATH, {"name": "ubuntu"})).document == pin  # again is as good as once
        assert (await operator.ask("DELETE", f"{PATH}?name=ubuntu", None, {})).document == pin
        assert (await operator.get(PATH)).document == {"pins": []}
        assert (await operator.ask("DELETE", f"{PATH}?name=ubuntu", None, {})).status == 404


async def test_what_names_nothing_is_refused(tmp_path: Path) -> None:
    async with larder(tmp_path) as made, operating(pin_routes(made.stock)) as operator:
        documents: list[object] = [
            {},
            {"name": ""},
            {"name": 1},
            {"name": "ubuntu", "more": 1},
            {"name": "UPPER"},
            [],
            "ubuntu",
        ]
        for document in documents:
            assert (await operator.post(PATH, document)).status == 400
        assert (await operator.post(PATH, {"name": "ubuntu"}, Content_Type="text/plain")).status == 400
        assert (await operator.post(PATH, {"name": f"sha256:{'0' * 20}"})).status == 404
        for query in ("", "?name=", "?pin=ubuntu"):
            assert (await operator.ask("DELETE", PATH + query, None, {})).status == 400
        assert (await operator.get(f"{PATH}?x=1")).status == 400
        assert (await operator.get(PATH)).document == {"pins": []}
