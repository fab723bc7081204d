"""Clients that do not take everything: answered from an answer of their own, which is never anybody else's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mirror.oci.digest import Digest
from mirror.oci.media_types import ACCEPT, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, SCHEMA1
from mirror.pull.content import Manifest
from mirror.pull.manifests import Question
from tests.support.documents import IMAGE, INDEX, body
from tests.support.pulling import Pulling, pulling
from tests.support.raw import RawUpstream, Script, answer

IMAGE_BODY, INDEX_BODY = body(IMAGE), body(INDEX)
EVERYTHING: Sequence[str] = ()


def sends(data: bytes, media_type: str) -> Script:
    digest = f"Docker-Content-Digest: {Digest.of(data)}"
    return [answer("200 OK", [f"Content-Type: {media_type}", f"Content-Length: {len(data)}", digest], data)]


AN_INDEX, AN_IMAGE = sends(INDEX_BODY, OCI_INDEX), sends(IMAGE_BODY, OCI_MANIFEST)


async def asked(pull: Pulling, accept: Sequence[str]) -> Manifest:
    return (await pull.manifests.find(Question(pull.target(), "multi", accept))).manifest


def accepts(upstream: RawUpstream) -> list[str]:
    return [seen.headers["accept"] for seen in upstream.requests]


async def test_a_narrow_client_gets_what_the_upstream_has_for_it(tmp_path: Path) -> None:
    async with RawUpstream(AN_INDEX, AN_IMAGE) as upstream, pulling(tmp_path, one=upstream.url) as pull:
        narrow = await asked(pull, [OCI_MANIFEST])
        assert (narrow.body, narrow.media_type) == (IMAGE_BODY, OCI_MANIFEST)
        assert accepts(upstream) == [ACCEPT, OCI_MANIFEST]
        wide = await asked(pull, EVERYTHING)
        assert (wide.body, wide.media_type) == (INDEX_BODY, OCI_INDEX)
        for _ in range(2):
            assert await asked(pull, [OCI_MANIFEST]) == narrow
            assert await asked(pull, [OCI_INDEX, OCI_MANIFEST]) == wide
        assert len(upstream.requests) == 2


async def test_the_first_client_does_not_decide_for_the_others(tmp_path: Path) -> None:
    clients: list[Sequence[str]] = [[DOCKER_MANIFEST], ["*/*"], ACCEPT.split(", "), [], ["text/html"]]
    for number, first in enumerate(clients):
        async with (
            RawUpstream(AN_INDEX, AN_IMAGE) as upstream,
            pulling(tmp_path / str(number), one=upstream.url) as pull,
        ):
            await asked(pull, first)
            assert accepts(upstream)[0] == ACCEPT
            assert (await asked(pull, EVERYTHING)).body == INDEX_BODY


async def test_other_types_are_another_answer(tmp_path: Path) -> None:
    old = body({"schemaVersion": 1, "name": "a/b", "fsLayers": []})
    scripts = [AN_INDEX, AN_IMAGE, sends(old, SCHEMA1)]
    async with RawUpstream(*scripts) as upstream, pulling(tmp_path, one=upstream.url) as pull:
        assert (await asked(pull, [OCI_MANIFEST])).body == IMAGE_BODY
        assert (await asked(pull, [SCHEMA1])).body == old
        assert (await asked(pull, [OCI_MANIFEST])).body == IMAGE_BODY
        assert (await asked(pull, EVERYTHING)).body == INDEX_BODY
        assert accepts(upstream) == [ACCEPT, OCI_MANIFEST, SCHEMA1]


async def test_an_upstream_that_has_one_answer_for_all_is_believed(tmp_path: Path) -> None:
    async with RawUpstream(AN_INDEX) as upstream, pulling(tmp_path, one=upstream.url) as pull:
        for _ in range(3):
            assert (await asked(pull, [OCI_MANIFEST])).body == INDEX_BODY
        assert len(upstream.requests) == 2


async def test_by_digest_nobody_is_asked_what_he_takes(tmp_path: Path) -> None:
    async with RawUpstream(AN_INDEX) as upstream, pulling(tmp_path, one=upstream.url) as pull:
        question = Question(pull.target(), Digest.of(INDEX_BODY), [OCI_MANIFEST])
        assert (await pull.manifests.find(question)).manifest.body == INDEX_BODY
        assert accepts(upstream) == [ACCEPT]
