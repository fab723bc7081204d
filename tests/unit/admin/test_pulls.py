"""Pulls as the operator's programs order, watch and cancel them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from mirror.admin.pulls import pull_routes
from mirror.jobs.jobs import Means
from mirror.jobs.orders import Orders
from mirror.jobs.others import CANCEL
from mirror.pull.lending import Loan
from mirror.pull.upstreams import Upstream
from mirror.tasks import spawn
from tests.fakes.registry import Registry
from tests.support.faults import Fault, Gate
from tests.support.operator import Operator, operating, operator
from tests.support.orders import ALICE, APP, Ordered, ordered
from tests.support.siblings import Family, pulls

PULLS = "/api/v1/pulls"


def asking(ours: Ordered) -> Any:
    return operator(ours.mirror.mirror.admin.addresses[0][:2])


async def events(asked: Operator, name: str) -> list[dict[str, Any]]:
    async with aiohttp.ClientSession() as session, session.get(f"{asked.url}{PULLS}/{name}/events") as response:
        assert (response.status, response.content_type) == (200, "application/x-ndjson")
        return [json.loads(line) async for line in response.content if line.strip()]


async def test_a_pull_is_ordered_watched_and_looked_at(tmp_path: Path) -> None:
    async with ordered(tmp_path) as ours, asking(ours) as asked:
        image = ours.registry.push_image(APP, "v1", [b"a layer"])
        said = await asked.post(PULLS, {"image": "app:v1"})
        document = said.document
        assert (said.status, document["image"], document["joined"]) == (200, "docker.io/library/app:v1", False)
        found = await events(asked, document["id"])
        assert found[-1] == {
            "event": "end",
            "id": document["id"],
            "image": "docker.io/library/app:v1",
            "state": "done",
            "digest": str(image.digest),
        }
        assert await events(asked, document["id"]) == found[-4:]  # who comes late hears how it stands
        one = (await asked.get(f"{PULLS}/{document['id']}")).document
        assert one == {key: value for key, value in document.items() if key != "joined"} | {"state": "done"}
        assert (await asked.get(PULLS)).document == {"pulls": [one]}


async def test_a_second_one_joins_and_either_may_cancel(tmp_path: Path) -> None:
    async with ordered(tmp_path) as ours, asking(ours) as asked:
        image = ours.registry.push_image(APP, "v1", [bytes(300_000)])
        gate = Gate()
        ours.registry.fail(Fault(gate=gate), "GET", str(image.layer_digests[0]))
        order = {"image": "app:v1", "platforms": ["amd64"], "referrers": False, "quiet": True}
        first = (await asked.post(PULLS, order)).document
        again = (await asked.post(PULLS, {**order, "quiet": False})).document
        assert (again["id"], again["joined"], first["urgent"], again["urgent"]) == (first["id"], True, False, True)
        assert again["platforms"] == ["linux/amd64/v1"]
        await gate.arrived.wait()
        said = await asked.ask("DELETE", f"{PULLS}/{first['id']}", None, {})
        assert (said.status, said.document["state"]) == (200, "cancelled")
        assert (await events(asked, first["id"]))[-1]["state"] == "cancelled"
        gate.open()


ORDERS: list[tuple[object, int]] = [
    ({}, 400),
    ({"image": 3}, 400),
    ({"image": "UPPER"}, 400),
    ({"image": "a", "more": 1}, 400),
    ({"image": "a", "platforms": "linux/amd64"}, 400),
    ({"image": "a", "platforms": ["no platform"]}, 400),
    ({"image": "a", "platforms": ["linux/amd64"] * 65}, 400),
    ({"image": "a", "referrers": 1}, 400),
    ({"image": "a", "quiet": 1}, 400),
    ({"image": "a", "login": {"username": "alice"}}, 400),
    ({"image": "a", "login": "canary"}, 400),
    ({"image": "a", "quiet": True, "login": {"identitytoken": "canary"}}, 400),
    ({"image": "nowhere.test/canary"}, 404),
]


async def test_an_order_that_is_none_is_refused_and_not_repeated(tmp_path: Path) -> None:
    async with ordered(tmp_path) as ours, asking(ours) as asked:
        for order, status in ORDERS:
            said = await asked.post(PULLS, order)
            assert (said.status, list(said.document)) == (status, ["error"]), order
            assert "canary" not in said.document["error"]
        assert (await asked.get(PULLS)).document == {"pulls": []}


async def test_a_login_is_shown_nowhere(tmp_path: Path) -> None:
    async with ordered(tmp_path) as ours, asking(ours) as asked:
        login = {"username": ALICE.username, "password": ALICE.password}
        said = await asked.post(PULLS, {"image": "app:v1", "login": login})
        assert said.status == 200
        found = await events(asked, said.document["id"])
        listed = (await asked.get(PULLS)).document
        assert ALICE.password not in repr((said, found, listed))
        assert found[-1]["state"] == "failed"


async def test_what_is_not_there_is_said_not_to_be(tmp_path: Path) -> None:
    async with ordered(tmp_path) as ours, asking(ours) as asked:
        for method, path in (("GET", ""), ("GET", "/events"), ("DELETE", "")):
            said = await asked.ask(method, f"{PULLS}/canary{path}", None, {})
            assert (said.status, "canary" in said.document["error"]) == (404, False)


async def test_who_watches_and_reads_nothing_is_waited_for_no_longer_than_bearable(tmp_path: Path) -> None:
    async with ordered(tmp_path) as ours, operating(pull_routes(ours.mirror.mirror.orders, patience=0.0)) as asked:
        job = ours.jobs.find((await asked.post(PULLS, {"image": "app:v1"})).document["id"])
        await ours.jobs.wait(job)
        for number in range(320):  # more than the kernel keeps for a client
            job.board.write(str(number), event="blob", digest="x" * 100_000)
        with pytest.raises(aiohttp.ClientPayloadError):
            await events(asked, job.id)


async def test_what_is_kept_ready_is_told(tmp_path: Path) -> None:
    images = [{"image": "app:v1", "platforms": "linux/arm64"}]
    async with ordered(tmp_path, {"images": images}) as ours, asking(ours) as asked:
        kept = (await asked.get("/api/v1/images/kept")).document
        assert kept == {"images": [{"image": "app:v1", "platforms": ["linux/arm64/v8"], "referrers": False}]}


@asynccontextmanager
async def two_workers(root: Path) -> AsyncIterator[tuple[Registry, Family, list[Operator]]]:
    def lend(upstream: Upstream, _: Loan, __: str) -> Upstream:
        return upstream

    async with (
        Registry() as registry,
        pulls(root, 2, one=registry.url) as (family, pullings),
        AsyncExitStack() as stack,
    ):
        asking = []
        for pulling in pullings:
            orders = Orders(Means(pulling.pulls, pulling.store, lend, obeying=0.2), ())
            stack.push_async_callback(orders.aclose)
            asking.append(await stack.enter_async_context(operating(pull_routes(orders))))
        yield registry, family, asking


async def test_a_pull_of_one_worker_is_known_watched_and_cancelled_at_another(tmp_path: Path) -> None:
    async with two_workers(tmp_path) as (registry, family, asking):
        image, gate = registry.push_image("a/b", "v1", [bytes(300_000)]), Gate()
        registry.fail(Fault(gate=gate), "GET", str(image.layer_digests[0]))
        first = (await asking[0].post(PULLS, {"image": "a/b:v1"})).document
        await gate.arrived.wait()
        again = (await asking[1].post(PULLS, {"image": "a/b:v1"})).document
        assert again == {**first, "joined": True}
        shown = {key: value for key, value in first.items() if key != "joined"}
        assert [(await one.get(PULLS)).document for one in asking] == [{"pulls": [shown]}] * 2
        watching = spawn(events(asking[1], first["id"]), "watching")
        family.deaf = {CANCEL}
        said = await asking[1].ask("DELETE", f"{PULLS}/{first['id']}", None, {})
        assert (said.status, said.document["state"]) == (202, "running")
        family.deaf = set()
        said = await asking[1].ask("DELETE", f"{PULLS}/{first['id']}", None, {})
        assert said.document["id"] == first["id"]
        assert [line["state"] for line in await watching if line["event"] == "end"] == ["cancelled"]
        said = await asking[1].ask("DELETE", f"{PULLS}/{first['id']}", None, {})
        assert (said.status, said.document["state"]) == (200, "cancelled")
        gate.open()
