"""A hundred clients and a registry that wants to be asked little: it is asked once, and they are all served."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mirror.tasks import spawn
from mirror.upstream.surroundings import Surroundings
from tests.fakes.answers import throttled, throttled_until
from tests.fakes.registry import Registry
from tests.support.checker import Got, got, until
from tests.support.clock import Clock
from tests.support.content import Image
from tests.support.faults import Fault
from tests.support.herd import until_over, visit
from tests.support.measured import Row, note
from tests.support.mirror import MirrorUnderTest

CLIENTS = 100
WINDOW = 60  # seconds for which the upstream wants to be left alone
TAG = "/v2/team/app/manifests/v1"
DUE = {"upstreams": {"docker.io": {"tag_ttl": "0s", "stale_for": "1h", "not_found_ttl": "0s"}}}
THROTTLED: dict[str, Callable[[int], Fault]] = {"in seconds": throttled, "until a date": throttled_until}
QUICK = 0.05  # seconds for an answer when nobody can be asked


async def pulled(registry: Registry, mirror: MirrorUnderTest) -> Image:
    """An image that the mirror holds, and whose tag is due."""
    image = registry.push_image("team/app", "v1", [b"a layer"])
    assert (await got(mirror, TAG)).body == image.manifest_body
    return image


async def answered(mirror: MirrorUnderTest) -> None:
    """A turn of the mirror: whatever had come before is being worked on."""
    for _ in range(3):
        assert (await got(mirror, "/v2/")).status == 200


async def test_a_hundred_clients_of_a_due_tag_are_one_head(tmp_path: Path) -> None:
    async with Registry() as registry, MirrorUnderTest(tmp_path, registry.url, DUE) as mirror:
        image = await pulled(registry, mirror)
        asked = registry.count()
        go = asyncio.Event()
        registry.fail(Fault(hold=go), "HEAD", "/manifests/")
        bound = mirror.mirror.listeners.bound[0]
        clients = [await visit((bound.host, bound.port), TAG, image.manifest_body) for _ in range(CLIENTS)]
        await answered(mirror)
        go.set()
        await until_over(clients, 20)
        assert all(client.satisfied for client in clients)
        assert [seen.method for seen in registry.requests[asked:]] == ["HEAD"]


async def all_of_them(mirror: MirrorUnderTest) -> list[Got]:
    """A hundred clients, some at once and some one after the other."""
    at_once = await asyncio.gather(*(got(mirror, TAG) for _ in range(CLIENTS // 2)))
    return [*at_once, *[await got(mirror, TAG) for _ in range(CLIENTS // 2)]]


@pytest.mark.parametrize("form", THROTTLED)
async def test_a_limit_is_obeyed_and_a_hundred_clients_are_served(tmp_path: Path, form: str) -> None:
    clock = Clock()
    async with (
        Registry() as registry,
        MirrorUnderTest(tmp_path, registry.url, DUE, Surroundings(clock=clock)) as mirror,
    ):
        image = await pulled(registry, mirror)
        asked = registry.count()
        registry.fail(THROTTLED[form](WINDOW), times=None)
        answers = await all_of_them(mirror)
        clock.advance(WINDOW - 5)
        answers += await all_of_them(mirror)
        requests, refused = registry.count() - asked, sum(answer.status != 200 for answer in answers)
        what = f"429 ({form}) and {len(answers)} clients: requests within its time; refused"
        note(Row("F15", what, "1; 0", f"{requests}; {refused}"))
        assert {(answer.status, answer.body) for answer in answers} == {(200, image.manifest_body)}
        assert all("warning" in answer.headers for answer in answers)
        assert requests == 1


async def test_after_the_window_one_probe_tells_whether_it_is_over(tmp_path: Path) -> None:
    clock = Clock()
    async with (
        Registry() as registry,
        MirrorUnderTest(tmp_path, registry.url, DUE, Surroundings(clock=clock)) as mirror,
    ):
        await pulled(registry, mirror)
        registry.fail(throttled(WINDOW), times=None)
        await all_of_them(mirror)
        asked = registry.count()
        clock.advance(WINDOW + 1)
        await all_of_them(mirror)
        assert registry.count() - asked == 1  # which was answered 429 again
        registry.heal()
        clock.advance(2 * WINDOW + 1)
        assert "warning" not in (await got(mirror, TAG)).headers


async def test_what_is_not_cached_is_refused_at_once_while_the_limit_lasts(tmp_path: Path) -> None:
    surroundings = Surroundings(clock=Clock())
    async with Registry() as registry, MirrorUnderTest(tmp_path, registry.url, DUE, surroundings) as mirror:
        await pulled(registry, mirror)
        registry.fail(throttled(WINDOW), times=None)
        await got(mirror, TAG)
        asked = registry.count()
        for path in ("manifests/other", f"manifests/sha256:{'0' * 64}", f"blobs/sha256:{'0' * 64}", "tags/list"):
            answer = await got(mirror, f"/v2/team/other/{path}")
            assert answer.status == 503
            assert 0 < int(answer.headers["retry-after"]) <= WINDOW
        assert registry.count() == asked


async def test_an_upstream_that_is_gone_costs_no_time(tmp_path: Path) -> None:
    async with Registry() as registry, MirrorUnderTest(tmp_path, registry.url, DUE) as mirror:
        image = await pulled(registry, mirror)
        await registry.stop()
        for _ in range(5):
            await got(mirror, TAG)
        for path, status in ((TAG, 200), ("/v2/team/app/manifests/other", 503)):
            times = []
            for _ in range(20):
                began = time.perf_counter()
                answer = await got(mirror, path)
                times.append(time.perf_counter() - began)
                assert answer.status == status
            median = statistics.median(times)
            assert median <= QUICK
            what = f"an upstream that is gone: median of {'what is held' if status == 200 else 'a refusal'}"
            note(Row("F14", what, f"{QUICK * 1000:g} ms", f"{median * 1000:.1f} ms"))
        assert (await got(mirror, TAG)).body == image.manifest_body


async def test_a_silent_upstream_costs_its_time_once(tmp_path: Path) -> None:
    """A hundred clients of a registry that takes connections and says nothing: they wait together, then no more."""
    overrides = {**DUE, "limits": {"connect_timeout": "1s", "first_byte_timeout": "1s", "answer_timeout": "2s"}}
    async with Registry() as registry, MirrorUnderTest(tmp_path, registry.url, overrides) as mirror:
        image = await pulled(registry, mirror)
        asked = registry.count()
        never = asyncio.Event()
        registry.fail(Fault(hold=never), times=None)
        waiting = [spawn(got(mirror, TAG), "client") for _ in range(CLIENTS)]
        answers = await asyncio.gather(*waiting)
        assert {(answer.status, answer.body) for answer in answers} == {(200, image.manifest_body)}
        await until(lambda: registry.count() > asked)
        await all_of_them(mirror)
        assert registry.count() - asked <= 10
