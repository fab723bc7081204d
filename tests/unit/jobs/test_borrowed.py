"""A login that is lent to one pull brings bytes, and gives nobody else anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from mirror.jobs.borrowed import UNCONFIRMED
from mirror.jobs.job import Job, State
from mirror.oci.digest import Digest
from mirror.oci.media_types import OCI_INDEX, OCI_MANIFEST
from mirror.oci.referrers import referrers_tag
from mirror.tasks import spawn
from mirror.upstream.login import Kind, Login
from tests.support.checker import until
from tests.support.faults import Fault, Gate
from tests.support.logins import basic
from tests.support.orders import ALICE, APP, Ordered, end_of, order, ordered, sign

INSECURE = {"upstreams": {"docker.io": {"insecure": True, "not_found_ttl": 0}}}
LARGE = bytes(range(256)) * 1200


@pytest.fixture
def said() -> Iterator[list[object]]:
    with structlog.testing.capture_logs() as lines:
        yield lines  # type: ignore[misc]


def files(root: Path) -> list[bytes]:
    return [file.read_bytes() for file in root.rglob("*") if file.is_file()]


def notes(ours: Ordered, job_id: str) -> list[str]:
    return [one.line["text"] for one in ours.jobs.find(job_id).board.since(0) if one.line["event"] == "note"]


async def held_up(ours: Ordered) -> tuple[Job, Digest, Gate]:
    """A job with Alice's login, and the layer whose bytes it waits for at the gate; nobody else may read that."""
    ours.registry.require_basic(ALICE.username, ALICE.password)
    layer, gate = ours.registry.push_image(APP, "v1", [LARGE]).layer_digests[0], Gate()
    ours.registry.fail(Fault(gate=gate), "GET", str(layer))
    job, _ = ours.jobs.order(order(), ALICE)
    await gate.arrived.wait()
    return job, layer, gate


async def test_a_private_image_is_brought_and_given_to_nobody(tmp_path: Path) -> None:
    async with ordered(tmp_path, INSECURE) as ours:
        ours.registry.require_bearer(ALICE.username, ALICE.password)
        image = ours.registry.push_image(APP, "v1", [LARGE])
        job = await ours.pulled(order(), ALICE)
        assert (job.state, notes(ours, job.id)) == (State.DONE, [UNCONFIRMED])
        blob = f"/v2/{APP}/blobs/{image.layer_digests[0]}"
        for path in (f"/v2/{APP}/manifests/v1", f"/v2/{APP}/manifests/{image.digest}", blob):
            for method in ("GET", "HEAD"):
                answer, body = await ours.mirror.ask(method, path)
                assert (answer.status, LARGE[:100] in body) == (403, False), path
        assert ours.mirror.mirror.store.facts.member("docker.io", APP, str(image.digest)) is None
        assert ours.mirror.mirror.store.facts.member("docker.io", APP, str(image.layer_digests[0])) is None


async def test_once_the_mirror_itself_may_read_it_no_byte_comes_again(tmp_path: Path) -> None:
    async with ordered(tmp_path, INSECURE) as ours:
        ours.registry.require_basic(ALICE.username, ALICE.password)
        image = ours.registry.push_image(APP, "v1", [LARGE])
        await ours.pulled(order(), ALICE)
        ours.registry.login = None
        sent, gets = ours.registry.bytes_sent, ours.registry.count("GET", "/blobs/")
        answer, _ = await ours.mirror.get(f"/v2/{APP}/manifests/{image.digest}")
        _, body = await ours.mirror.get(f"/v2/{APP}/blobs/{image.layer_digests[0]}")
        assert (answer.status, body == LARGE) == (200, True)
        assert (ours.registry.bytes_sent, ours.registry.count("GET", "/blobs/")) == (sent, gets)


async def test_a_client_does_not_join_what_a_lent_login_fetches(tmp_path: Path) -> None:
    async with ordered(tmp_path, INSECURE) as ours:
        job, layer, gate = await held_up(ours)
        fetch = ours.mirror.mirror.pulls.fetches.find(ours.target, layer)
        assert fetch is not None
        assert fetch.target.upstream.lent_to == job.id
        answer, _ = await ours.mirror.get(f"/v2/{APP}/blobs/{layer}")
        gate.open()
        await ours.jobs.wait(job)
        assert (answer.status, job.state) == (403, State.DONE)


async def test_a_public_image_is_everybodys_and_counted_for_who_lent_the_login(tmp_path: Path) -> None:
    async with ordered(tmp_path, INSECURE) as ours:
        image = ours.registry.push_image(APP, "v1", [LARGE])
        job = await ours.pulled(order(), ALICE)
        assert (job.state, notes(ours, job.id)) == (State.DONE, [])
        answer, body = await ours.mirror.get(f"/v2/{APP}/blobs/{image.layer_digests[0]}")
        assert (answer.status, body) == (200, LARGE)
        answer, _ = await ours.mirror.get(f"/v2/{APP}/manifests/v1")
        assert answer.headers["Docker-Content-Digest"] == str(image.digest)
        assert ours.registry.count("GET", "/manifests/") == 1
        assert ours.registry.count("GET", "/blobs/") == 2


async def test_a_login_goes_to_the_upstream_and_nowhere_else(tmp_path: Path, said: list[object]) -> None:
    async with ordered(tmp_path, INSECURE) as ours:
        ours.registry.require_basic(ALICE.username, ALICE.password)
        ours.registry.push_image(APP, "v1", [LARGE])
        job = await ours.pulled(order(), ALICE)
        shown = {seen.headers.get("authorization") for seen in ours.registry.requests}
        assert shown == {None, basic(ALICE.username, ALICE.password)}
        lines = [change.line for change in job.board.since(0)]
        assert ALICE.password not in repr((lines, job, said, ours.jobs.__dict__))
        count = len(ours.registry.requests)
        await ours.mirror.get(f"/v2/{APP}/manifests/v1")
        assert all("authorization" not in seen.headers for seen in ours.registry.requests[count:])
    assert not any(ALICE.password.encode() in written for written in files(tmp_path))


async def test_a_login_that_is_wrong_is_said_to_be(tmp_path: Path) -> None:
    async with ordered(tmp_path, INSECURE) as ours:
        ours.registry.require_basic(ALICE.username, ALICE.password)
        ours.registry.push_image(APP, "v1", [LARGE])
        job = await ours.pulled(order(), Login("alice", "canary-wrong"))
        assert (job.state, end_of(job)["code"]) == (State.FAILED, "DENIED")
        assert "canary" not in end_of(job)["error"]
        assert (await ours.pulled(order(), ALICE)).state is State.DONE  # one that was refused is nobody else's trouble


async def test_it_is_not_sent_over_plain_http(tmp_path: Path) -> None:
    async with ordered(tmp_path) as ours:
        ours.registry.require_basic(ALICE.username, ALICE.password)
        ours.registry.push_image(APP, "v1", [LARGE])
        job = await ours.pulled(order(), ALICE)
        assert (job.state, end_of(job)["code"]) == (State.FAILED, "DENIED")
        assert all("authorization" not in seen.headers for seen in ours.registry.requests)


async def test_an_identity_token_is_lent_too(tmp_path: Path) -> None:
    async with ordered(tmp_path, INSECURE) as ours:
        ours.registry.require_bearer("alice", "canary")
        ours.registry.push_image(APP, "v1", [LARGE])
        job = await ours.pulled(order(), Login("", "canary-token", Kind.IDENTITY_TOKEN))
        assert job.state is State.FAILED  # this registry knows none
        assert ours.registry.count("POST", "/token") >= 1


async def test_two_with_different_logins_fetch_once(tmp_path: Path) -> None:
    async with ordered(tmp_path, INSECURE) as ours:
        ours.registry.push_image(APP, "v1", [LARGE])
        jobs = [ours.jobs.order(order(), login) for login in (ALICE, Login("bob", "canary-of-bob"), ALICE)]
        assert [joined for _, joined in jobs] == [False, False, True]
        tasks = [spawn(ours.jobs.wait(job), "wait") for job, _ in jobs]
        for task in tasks:
            await task
        assert {job.state for job, _ in jobs} == {State.DONE}
        assert ours.registry.count("GET", "/blobs/") == 2


async def test_who_is_given_what_a_lent_login_fetches_is_given_all_of_it_though_the_job_is_cancelled(
    tmp_path: Path,
) -> None:
    async with ordered(tmp_path, INSECURE) as ours:
        job, layer, gate = await held_up(ours)
        ours.registry.login = None  # from now on it is everybody's
        fetches = ours.mirror.mirror.pulls.fetches
        before = fetches.joined
        client = spawn(ours.mirror.get(f"/v2/{APP}/blobs/{layer}"), "client")
        await until(lambda: fetches.joined > before)
        await ours.jobs.cancel(job)
        gate.open()
        answer, body = await client
        assert (job.state, answer.status, body == LARGE) == (State.CANCELLED, 200, True)


@pytest.mark.parametrize("has_api", [True, False], ids=["the API", "the tag"])
async def test_what_refers_to_a_private_image_comes_with_the_same_login(tmp_path: Path, has_api: bool) -> None:
    async with ordered(tmp_path, INSECURE) as ours:
        ours.registry.require_basic(ALICE.username, ALICE.password)
        ours.registry.referrers = has_api
        image = ours.registry.push_image(APP, "v1", [LARGE])
        signature = sign(ours.registry, image)
        if not has_api:
            entry = {"mediaType": OCI_MANIFEST, "digest": str(signature), "size": 5}
            listed = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]})
            ours.registry.push_manifest(APP, referrers_tag(image.digest), listed.encode(), OCI_INDEX)
        job = await ours.pulled(order(referrers=True), ALICE)
        assert (job.state, notes(ours, job.id)) == (State.DONE, [UNCONFIRMED])
        assert ours.mirror.mirror.store.blobs.knows(signature)
        for path in (f"/v2/{APP}/referrers/{image.digest}", f"/v2/{APP}/manifests/{signature}"):
            answer, body = await ours.mirror.get(path)
            assert (answer.status, str(signature).encode() in body) == (403, False), path


async def test_where_the_mirror_itself_may_read_it_the_list_is_asked_for_once(tmp_path: Path) -> None:
    async with ordered(tmp_path, INSECURE) as ours:
        ours.registry.referrers = True
        image = ours.registry.push_image(APP, "v1", [LARGE])
        signature = sign(ours.registry, image)
        job = await ours.pulled(order(referrers=True), ALICE)
        assert (job.state, ours.mirror.mirror.store.blobs.knows(signature)) == (State.DONE, True)
        answer, _ = await ours.mirror.get(f"/v2/{APP}/referrers/{image.digest}")
        assert answer.status == 200
        assert ours.registry.count("GET", f"/referrers/{image.digest}") == 1
