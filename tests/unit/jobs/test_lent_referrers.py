"""What refers to an image is told the owner of a lent login, by the API or by the tag that stands for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mirror.errors import Absent, Nonsense
from mirror.jobs.lent_referrers import lent_referrers
from mirror.oci.digest import Digest
from mirror.oci.media_types import OCI_INDEX, OCI_MANIFEST
from mirror.oci.referrers import referrers_tag
from tests.fakes.registry import Registry
from tests.support.faults import Fault
from tests.support.pulling import pulling

SIGNATURE = {"mediaType": OCI_MANIFEST, "digest": str(Digest.of(b"signature")), "size": 5}
LIST = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [SIGNATURE]}).encode()


async def found(root: Path, registry: Registry, subject: Digest) -> list[str]:
    async with pulling(root, one=registry.url) as pull:
        return [one.digest for one in await lent_referrers(pull.target(), subject)]


async def test_they_are_those_that_the_api_lists(tmp_path: Path) -> None:
    async with Registry() as registry:
        registry.referrers = True
        subject = registry.push_image("a/b", "v1", [b"a layer"]).digest
        registry.attach("a/b", subject, SIGNATURE)
        assert await found(tmp_path, registry, subject) == [SIGNATURE["digest"]]


async def test_without_the_api_they_are_those_under_the_tag(tmp_path: Path) -> None:
    async with Registry() as registry:
        subject = registry.push_image("a/b", "v1", [b"a layer"]).digest
        registry.push_manifest("a/b", referrers_tag(subject), LIST, OCI_INDEX)
        assert await found(tmp_path, registry, subject) == [SIGNATURE["digest"]]


async def test_that_there_are_none_takes_both_answers(tmp_path: Path) -> None:
    async with Registry() as registry:
        subject = registry.push_image("a/b", "v1", [b"a layer"]).digest
        assert await found(tmp_path, registry, subject) == []
        registry.fail(Fault(status=405), "GET", "/referrers/", times=None)
        with pytest.raises(Absent):
            await found(tmp_path / "again", registry, subject)


async def test_a_tag_with_something_else_is_no_list(tmp_path: Path) -> None:
    async with Registry() as registry:
        image = registry.push_image("a/b", "v1", [b"a layer"])
        registry.push_manifest("a/b", referrers_tag(image.digest), image.manifest_body, OCI_MANIFEST)
        with pytest.raises(Nonsense):
            await found(tmp_path, registry, image.digest)
