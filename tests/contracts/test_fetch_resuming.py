"""The contract of fetches, F7: a broken body is gone on with at the exact offset, wherever the rest is to be had."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from mirror.errors import Absent, Code, Denied, DigestMismatch, Interrupted, MirrorError, Unreachable
from mirror.pull.fetches import Bounds
from mirror.pull.patience import SPAN, Patience
from mirror.tasks import spawn
from tests.support.caches import content, data_of_the_ingest, under_way
from tests.support.clock import Clock
from tests.support.faults import Fault, Gate
from tests.support.pulling import Pulling, Setup, pulling, read
from tests.support.registry import FakeRegistry

DATA = Random(7).randbytes(1024 * 1024)
NO_PATIENCE = Setup(bounds=Bounds(at_once=8, wait=5, resumes=1))


async def fetched(pull: Pulling, registry: FakeRegistry) -> bytes:
    reader, _ = pull.fetches.join(pull.target(), registry.push_blob("a/b", DATA))
    try:
        return await read(reader)
    finally:
        reader.close()


def ranges(registry: FakeRegistry) -> list[str | None]:
    """The `Range` of every request for a blob at the registry itself."""
    return [seen.headers.get("range") for seen in registry.seen("GET", "/blobs/")]


@pytest.mark.parametrize("at", [1, 65_536, 500_000, len(DATA) - 1])
async def test_f7_it_goes_on_at_the_exact_offset(tmp_path: Path, at: int) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        registry.fail(Fault(cut_at=at), "GET", "/blobs/")
        assert await fetched(pull, registry) == DATA
        assert ranges(registry) == [None, f"bytes={at}-"]
        assert registry.bytes_sent == len(DATA)


async def test_f7_nothing_is_resumed_that_does_not_break(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        assert await fetched(pull, registry) == DATA
        assert ranges(registry) == [None]


async def test_f7_it_goes_on_at_the_canonical_address_not_at_the_redirects(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        registry.redirects = True
        registry.fail(Fault(cut_at=500_000), "GET", "/objects/")
        assert await fetched(pull, registry) == DATA
        origins = [(seen.origin, seen.headers.get("range")) for seen in registry.requests]
        assert origins == [("main", None), ("cdn", None), ("main", "bytes=500000-"), ("cdn", "bytes=500000-")]
        assert registry.bytes_sent == len(DATA)


async def test_f7_it_goes_on_with_another_token_when_the_old_one_has_expired(tmp_path: Path) -> None:
    clock = Clock()
    async with FakeRegistry() as registry, pulling(tmp_path, Setup(clock=clock), one=registry.url) as pull:
        login = registry.require_bearer()
        gate = Gate(100_000)
        await pull.blobs.head(pull.target(), registry.push_blob("a/b", DATA))  # which asks for the first token
        registry.fail(Fault(cut_at=300_000, gate=gate), "GET", "/blobs/")
        fetching = spawn(fetched(pull, registry), "fetching")
        await gate.arrived.wait()
        login.revoke()
        clock.advance(60)
        gate.open()
        assert await fetching == DATA
        assert login.issued == 2
        assert ranges(registry) == [None, "bytes=300000-", "bytes=300000-"]


async def test_f7_it_goes_on_at_the_next_endpoint(tmp_path: Path) -> None:
    async with (
        FakeRegistry() as first,
        FakeRegistry() as second,
        pulling(tmp_path, one=[first.url, second.url]) as pull,
    ):
        second.push_blob("a/b", DATA)
        first.fail(Fault(cut_at=300_000), "GET", "/blobs/")
        assert await fetched(pull, first) == DATA
        assert (ranges(first), ranges(second)) == ([None], ["bytes=300000-"])
        assert (first.bytes_sent, second.bytes_sent) == (300_000, len(DATA) - 300_000)


@pytest.mark.parametrize("fault", [Fault(status=429), Fault(status=503), Fault(drop=True)], ids=["429", "503", "gone"])
async def test_f7_an_endpoint_that_is_of_no_use_then_does_not_hold_it_up(tmp_path: Path, fault: Fault) -> None:
    async with (
        FakeRegistry() as first,
        FakeRegistry() as second,
        pulling(tmp_path, NO_PATIENCE, one=[first.url, second.url]) as pull,
    ):
        second.push_blob("a/b", DATA)
        first.fail(Fault(cut_at=300_000), "GET", "/blobs/")
        second.fail(Fault(cut_at=300_000), "GET", "/blobs/")
        first.fail(fault, "GET", "/blobs/", times=None)
        assert await fetched(pull, first) == DATA
        assert ranges(second) == ["bytes=300000-", "bytes=600000-"]
        assert set(ranges(first)[1:]) == {"bytes=600000-"}
        assert first.bytes_sent + second.bytes_sent <= len(DATA) + 1000  # and an error's few bytes


@pytest.mark.parametrize("status", [404, 403])
async def test_f7_an_endpoint_that_lacks_it_does_not_end_what_another_one_began(tmp_path: Path, status: int) -> None:
    async with (
        FakeRegistry() as first,
        FakeRegistry() as second,
        pulling(tmp_path, one=[first.url, second.url]) as pull,
    ):
        second.fail(Fault(status=status), times=None)
        first.fail(Fault(cut_at=300_000), "GET", "/blobs/")
        assert await fetched(pull, first) == DATA
        assert (ranges(first), ranges(second)) == ([None, "bytes=300000-"], ["bytes=300000-"])


async def test_f7_an_endpoint_that_sends_something_else_does_not_end_what_another_one_began(tmp_path: Path) -> None:
    async with (
        FakeRegistry() as first,
        FakeRegistry() as second,
        pulling(tmp_path, NO_PATIENCE, one=[first.url, second.url]) as pull,
    ):
        second.push_blob("a/b", DATA)
        second.fail(Fault(body=b"<html>", whole=True), times=None)
        first.fail(Fault(cut_at=300_000), "GET", "/blobs/")
        assert await fetched(pull, first) == DATA
        assert ranges(second) == ["bytes=300000-"]


@pytest.mark.parametrize("fault", [Fault(flip_at=300_000), Fault(body=b"<html>")], ids=["flipped", "another page"])
async def test_f7_after_wrong_bytes_another_endpoint_is_asked_first(tmp_path: Path, fault: Fault) -> None:
    async with (
        FakeRegistry() as first,
        FakeRegistry() as second,
        pulling(tmp_path, one=[first.url, second.url]) as pull,
    ):
        second.push_blob("a/b", DATA)
        first.fail(fault, times=None)
        with pytest.raises(DigestMismatch):
            await fetched(pull, first)
        await pull.ended()
        assert await fetched(pull, first) == DATA
        assert (len(ranges(first)), len(ranges(second))) == (1, 1)


async def test_f7_where_ranges_are_ignored_what_is_there_is_skipped(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        registry.ranges = False
        registry.fail(Fault(cut_at=500_000), "GET", "/blobs/")
        assert await fetched(pull, registry) == DATA
        assert ranges(registry) == [None, "bytes=500000-"]
        assert registry.bytes_sent == 500_000 + len(DATA)  # and that is what it costs


async def test_f7_tries_that_bring_something_do_not_count(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, NO_PATIENCE, one=registry.url) as pull:
        for _ in range(10):
            registry.fail(Fault(cut_at=100_000), "GET", "/blobs/")
        assert await fetched(pull, registry) == DATA
        assert len(ranges(registry)) == 11
        assert registry.bytes_sent == len(DATA)


@pytest.mark.parametrize("resumes", [0, 1, 2])
async def test_f7_tries_that_bring_nothing_are_numbered(tmp_path: Path, resumes: int) -> None:
    setup = Setup(bounds=Bounds(at_once=8, wait=5, resumes=resumes))
    async with FakeRegistry() as registry, pulling(tmp_path, setup, one=registry.url) as pull:
        registry.fail(Fault(cut_at=500_000), "GET", "/blobs/")
        registry.fail(Fault(cut_at=0), "GET", "/blobs/", times=None)
        with pytest.raises(Interrupted):
            await fetched(pull, registry)
        # The first one, which brought something; the one that everybody has; and those that the bound allows.
        assert len(ranges(registry)) == 1 + 1 + resumes
        assert set(ranges(registry)[1:]) == {"bytes=500000-"}


async def test_f7_before_the_first_answer_nothing_is_tried_again(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        registry.fail(Fault(status=503), "GET", "/blobs/", times=None)
        with pytest.raises(Unreachable):
            await fetched(pull, registry)
        assert len(ranges(registry)) == 1  # the client is to turn to somebody else while it still can


@pytest.mark.parametrize(("status", "error"), [(404, Absent), (403, Denied)])
async def test_f7_a_refusal_in_the_middle_is_the_upstreams_last_word(
    tmp_path: Path, status: int, error: type[MirrorError]
) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        registry.fail(Fault(cut_at=500_000), "GET", "/blobs/")
        registry.fail(Fault(status=status), "GET", "/blobs/", times=None)
        with pytest.raises(error):
            await fetched(pull, registry)
        assert len(ranges(registry)) == 2
        assert data_of_the_ingest(tmp_path).read_bytes() == DATA[:500_000]
        registry.heal()
        assert await fetched(pull, registry) == DATA  # whoever may have it one day goes on there
        assert ranges(registry)[-1] == "bytes=500000-"


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=416),
        Fault(headers={"Content-Range": None}),
        Fault(headers={"Content-Range": "bytes 0-1048575/1048576"}),
        Fault(headers={"Content-Range": "bytes 500001-1048575/1048576"}),
        Fault(headers={"Content-Range": "nonsense"}),
    ],
    ids=["416", "no Content-Range", "from the beginning", "one byte on", "nonsense"],
)
async def test_f7_where_a_range_is_misunderstood_the_whole_is_asked_for(tmp_path: Path, fault: Fault) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, NO_PATIENCE, one=registry.url) as pull:
        registry.fail(Fault(cut_at=500_000), "GET", "/blobs/")
        registry.fail(fault, "GET", "/blobs/")
        assert await fetched(pull, registry) == DATA
        assert ranges(registry) == [None, "bytes=500000-", None]


async def test_f7_an_upstream_that_misunderstands_everything_is_given_up(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, pulling(tmp_path, NO_PATIENCE, one=registry.url) as pull:
        registry.fail(Fault(cut_at=500_000), "GET", "/blobs/")
        registry.fail(Fault(status=416), "GET", "/blobs/", times=None)
        with pytest.raises(MirrorError) as failure:
            await fetched(pull, registry)
        assert failure.value.code is Code.BAD_UPSTREAM
        assert len(ranges(registry)) <= 2 + 2 * (NO_PATIENCE.bounds.resumes + 1)


async def test_f7_another_process_goes_on_where_the_last_one_was_stopped(tmp_path: Path) -> None:
    async with FakeRegistry() as registry:
        async with pulling(tmp_path, NO_PATIENCE, one=registry.url) as pull:
            registry.fail(Fault(cut_at=700_000), "GET", "/blobs/")
            registry.fail(Fault(cut_at=0), "GET", "/blobs/", times=None)
            with pytest.raises(Interrupted):
                await fetched(pull, registry)
        registry.heal()
        registry.requests.clear()
        async with pulling(tmp_path, one=registry.url) as pull:
            assert await fetched(pull, registry) == DATA
            await pull.ended()
            assert ranges(registry) == ["bytes=700000-"]
            assert await content(pull.store, registry.push_blob("a/b", DATA)) == DATA
        assert under_way(tmp_path) == []


async def test_f7_a_few_bytes_before_each_break_are_no_progress_for_ever(tmp_path: Path) -> None:
    """What came of them is not lost: the next fetch goes on there."""
    clock = Clock()

    def hours() -> float:
        clock.advance(SPAN / 4)
        return clock()

    async with FakeRegistry() as registry, pulling(tmp_path, one=registry.url) as pull:
        digest = registry.push_blob("a/b", DATA)
        registry.fail(Fault(cut_at=10), "GET", "/blobs/", times=None)
        reader, _ = pull.fetches.join(pull.target(), digest)
        fetch = pull.fetches.find(pull.target(), digest)
        assert fetch is not None
        fetch.patience = Patience(hours)
        with pytest.raises(Interrupted):
            await read(reader)
        reader.close()
        tries = len(ranges(registry))
        assert 1 < tries <= 8
        registry.heal()
        assert await fetched(pull, registry) == DATA
        assert ranges(registry)[tries] == f"bytes={10 * tries}-"
