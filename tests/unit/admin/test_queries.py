"""Queries of the operator's API are understood, or refused."""

from __future__ import annotations

import pytest
from aiohttp import web

from mirror.admin.documents import answer
from mirror.admin.queries import number, parameters, truth, wanted
from tests.support.operator import operating


async def asked(request: web.Request) -> web.Response:
    query = parameters(request, ("name", "dry_run", "count"))
    count = number(query, "count", 20) if "count" in query else 7
    return answer({"name": wanted(query, "name", "x"), "dry_run": truth(query, "dry_run"), "count": count})


async def test_what_is_asked_for_is_understood() -> None:
    async with operating([web.get("/api/v1/asked", asked)]) as operator:
        for query, dry_run, count in (("name=a%20b", False, 7), ("dry_run=true&name=a%20b&count=20", True, 20)):
            said = await operator.get(f"/api/v1/asked?{query}")
            assert (said.status, said.document) == (200, {"name": "a b", "dry_run": dry_run, "count": count})


@pytest.mark.parametrize(
    "query",
    [
        "",
        "name=",
        "name=a&name=b",
        "name=a&Dry_run=true",
        "name=a&dry_run=yes",
        "name=a&dry_run=",
        "name=a&count=",
        "name=a&count=0",
        "name=a&count=21",
        "name=a&count=-1",
        "name=a&count=%D9%A1",
        f"name=a&count={'1' * 900}",
        f"name={'a' * 2000}",
    ],
)
async def test_what_is_not_understood_is_refused(query: str) -> None:
    async with operating([web.get("/api/v1/asked", asked)]) as operator:
        said = await operator.get(f"/api/v1/asked?{query}")
        assert said.status == 400
        assert said.document.keys() == {"error"}
