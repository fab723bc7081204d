"""Bundles as the operator's programs send them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from mirror.admin.importing import PATH, TYPE, Patience, import_routes
from mirror.bundles.contents import Image
from mirror.bundles.names import Name
from mirror.bundles.receiving import Receiving
from tests.support.bundles import Kept, named, packed
from tests.support.caches import store_at
from tests.support.operator import Operator, operating

HEADERS = {"Content_Type": TYPE}
PATIENCE = Patience()


def bundle(layer: bytes = b"layer") -> bytes:
    kept = Kept()
    return packed(kept, named("library/app", kept.image(layer).digest))


@asynccontextmanager
async def importing(root: Path, patience: Patience = PATIENCE) -> AsyncIterator[Operator]:
    """Of a mirror whose only upstream is Docker Hub."""

    def unserved(images: Iterable[str]) -> list[str]:
        return [image for image in images if not image.startswith("docker.io/")]

    async with store_at(root) as store:
        routes = import_routes(lambda: Receiving(store), unserved, patience)
        async with operating(routes) as operator:
            yield operator


async def test_a_bundle_is_taken_and_what_is_here_is_skipped(tmp_path: Path) -> None:
    sent = bundle(b"x" * 1_000_000)  # more than a document may be
    async with importing(tmp_path) as operator:
        said = await operator.ask("POST", PATH, sent, HEADERS)
        assert said.status == 200
        assert said.document["images"] == ["docker.io/library/app:1"]
        assert (said.document["blobs"], said.document["skipped"]) == (3, 0)
        said = await operator.ask("POST", PATH, sent, HEADERS)
        assert (said.document["blobs"], said.document["bytes"], said.document["skipped"]) == (0, 0, 3)


@pytest.mark.parametrize("sent", [b"", b"x", b"x" * 2000, bundle()[:-2000]])
async def test_what_is_no_bundle_is_refused(tmp_path: Path, sent: bytes) -> None:
    async with importing(tmp_path) as operator:
        said = await operator.ask("POST", PATH, sent, HEADERS)
        assert (said.status, [*said.document]) == (400, ["error"])


async def test_the_type_has_to_be_said(tmp_path: Path) -> None:
    async with importing(tmp_path) as operator:
        said = await operator.ask("POST", PATH, bundle(), {"Content_Type": "text/plain"})
        assert (said.status, said.document) == (400, {"error": f"the request is to be {TYPE}"})


async def test_no_page_of_another_origin_may_import(tmp_path: Path) -> None:
    async with importing(tmp_path) as operator:
        said = await operator.ask("POST", PATH, bundle(), {**HEADERS, "Origin": "http://elsewhere.example"})
        assert said.status == 403


async def test_one_bundle_comes_at_a_time(tmp_path: Path) -> None:
    whole = bundle()
    going_on, begun = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield whole[:600]
        begun.set()
        await going_on.wait()
        yield whole[600:]

    async with importing(tmp_path) as operator, aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:

        async def first() -> int:
            async with session.post(operator.url + PATH, data=slowly(), headers={"Content-Type": TYPE}) as answer:
                return answer.status

        sending = tasks.create_task(first())
        await begun.wait()
        while (said := await operator.ask("POST", PATH, b"", HEADERS)).status == 400:
            pass  # until the first one has reached the handler
        assert (said.status, "another bundle" in said.document["error"]) == (503, True)
        assert said.headers["Retry-After"] == "10"
        going_on.set()
        assert await sending == 200


class Sender:
    """Sends a bundle in whatever pieces it likes. `read` is what is answered."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.read = reader.read
        self._writer = writer

    @classmethod
    async def to(cls, operator: Operator, size: int) -> Sender:
        """With the head of a request sent, which announces so many bytes."""
        host = operator.url.removeprefix("http://")
        sender = cls(*await asyncio.open_connection(*host.split(":")))
        head = f"POST {PATH} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {TYPE}\r\nContent-Length: {size}\r\n\r\n"
        await sender.send(head.encode())
        return sender

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def leave(self) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()


async def test_an_upload_that_breaks_off_leaves_the_way_free(tmp_path: Path) -> None:
    whole = bundle(b"x" * 900_000)
    async with importing(tmp_path) as operator:
        sender = await Sender.to(operator, len(whole))
        await sender.send(whole[:500_000])
        await sender.leave()
        async with asyncio.timeout(15):  # and not only when nothing has come for too long
            while (said := await operator.ask("POST", PATH, whole, HEADERS)).status == 503:
                pass  # until the mirror has noticed
        assert said.status == 200


async def test_one_that_does_not_go_on_is_refused_and_leaves_the_way_free(tmp_path: Path) -> None:
    whole = bundle(b"x" * 900_000)
    async with importing(tmp_path, Patience(silence=0.3)) as operator:
        sender = await Sender.to(operator, len(whole))
        await sender.send(whole[:600])
        assert b"the bundle did not go on in time: import again" in await sender.read(10_000)
        said = await operator.ask("POST", PATH, b"", HEADERS)
        assert "it ends too soon" in said.document["error"]  # it was looked at
        await sender.leave()


async def test_one_that_comes_in_drips_is_refused_and_leaves_the_way_free(tmp_path: Path) -> None:
    """By a clock that lets ten seconds pass with each of them: nobody waits for minutes here."""
    ticks = itertools.count(step=10.0)
    async with importing(tmp_path, Patience(clock=lambda: next(ticks))) as operator:
        sender = await Sender.to(operator, 1_000_000)
        answered = asyncio.ensure_future(sender.read(10_000))
        while not answered.done():
            with contextlib.suppress(ConnectionError):
                await sender.send(b"o")
            await asyncio.sleep(0.01)
        assert b"400 Bad Request" in answered.result()
        assert b"the bundle came too slowly to be waited for" in answered.result()
        assert (await operator.ask("POST", PATH, bundle(), HEADERS)).status == 200
        await sender.leave()


async def test_it_is_told_which_images_clients_are_refused(tmp_path: Path) -> None:
    kept = Kept()
    elsewhere = Image(Name("registry.example", "app", "1"), kept.image(b"layer").digest)
    async with importing(tmp_path) as operator:
        said = await operator.ask("POST", PATH, packed(kept, elsewhere), HEADERS)
        assert (said.status, said.document["unserved"]) == (200, ["registry.example/app:1"])
