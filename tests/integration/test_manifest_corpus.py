"""Manifests of every shape that registries hold are passed on to the byte, with their type and their digest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice, product
from pathlib import Path

from mirror.oci.digest import Digest
from tests.support.content import OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST
from tests.support.loops import run_on
from tests.support.measured import Row, note
from tests.support.mirror import MirrorUnderTest
from tests.support.registry import FakeRegistry

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
TYPES = (OCI_MANIFEST, DOCKER_MANIFEST, OCI_INDEX, DOCKER_LIST)
CORPUS = 240
# How tools write: compact, for people, with tabs or separators of their own, escaped or not, with a last newline.
STYLES: tuple[tuple[dict[str, object], str], ...] = (
    ({"separators": (",", ":")}, ""),
    ({"indent": 3}, ""),
    ({"indent": "\t"}, "\n"),
    ({"separators": (" , ", " : ")}, "\r\n"),
    ({"ensure_ascii": False, "sort_keys": True}, "\n\n"),
)
EXTRAS: tuple[dict[str, object], ...] = (
    {},
    {"annotations": {"org.opencontainers.image.title": 'caf\u00e9 \u2603 \U0001f433 \\u0000 "quoted"', "empty": ""}},
    {"artifactType": "application/vnd.example+json", "subject": {}},
    {"x-unknown": [None, True, 1.5e10, -0.0, {"deep": [[[[]]]]}]},
)


def corpus() -> Iterator[tuple[bytes, str]]:
    """Bytes and types: each shape with each number of entries, in each style of writing."""
    for entries, media_type, extra, (style, end) in product((0, 1, 40), TYPES, EXTRAS, STYLES):
        is_list = media_type in (OCI_INDEX, DOCKER_LIST)
        listed = [_entry(OCI_MANIFEST if is_list else OCI_LAYER, number) for number in range(entries)]
        body: dict[str, object] = {"schemaVersion": 2, "mediaType": media_type}
        body |= {"manifests": listed} if is_list else {"config": _entry(OCI_CONFIG, 99), "layers": listed}
        body |= extra | ({"subject": _entry(OCI_MANIFEST, 7)} if "subject" in extra else {})
        yield (json.dumps(body, **style) + end).encode(), media_type  # type: ignore[arg-type]


def _entry(media_type: str, number: int) -> dict[str, object]:
    return {"mediaType": media_type, "digest": str(Digest.of(str(number).encode())), "size": number}


def test_every_manifest_is_passed_on_as_it_is(tmp_path: Path) -> None:
    async def scenario() -> tuple[int, int]:
        documents = list(islice(corpus(), CORPUS))
        wrong = 0
        async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url) as mirror:
            for number, (body, media_type) in enumerate(documents):
                digest = registry.push_manifest("team/app", f"t{number}", body, media_type)
                for reference in (f"t{number}", digest):
                    answer, got = await mirror.get(f"/v2/team/app/manifests/{reference}", Accept=media_type)
                    told = (answer.headers.get("Content-Type"), answer.headers.get("Docker-Content-Digest"))
                    wrong += (answer.status, got, *told) != (200, body, media_type, str(digest))
        return len({body for body, _ in documents}), wrong

    shapes, wrong = run_on("asyncio", scenario())
    assert shapes == CORPUS
    note(Row("F18", f"{shapes} manifests of other shapes, by tag and digest: passed on otherwise", "0", str(wrong)))
    assert wrong == 0
