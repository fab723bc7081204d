"""Lists as real clients ask for them: docker search, skopeo list-tags, and referrers at a registry without the API."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator

import pytest

from tests.clients.dockerd import Docker
from tests.clients.rig import Filled, Rig
from tests.support.gallery import Published
from tests.support.mirror_process import OTHER
from tests.support.processes import checked

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def docker_rig(filled: Filled) -> Iterator[Rig]:
    with Rig(filled, Docker) as made:
        yield made


def ask(rig: Rig, path: str) -> tuple[int, dict[str, str], bytes]:
    def asked() -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(rig.mirror.host, timeout=30)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    return rig.sealed.call(asked)


def referrers(rig: Rig, published: Published) -> str:
    return f"/v2/{published.repository}/referrers/{published.root.digest}"


def test_docker_finds_what_it_can_then_pull(docker_rig: Rig) -> None:
    published = docker_rig.gallery["oci"]
    docker_rig.pull(published.by_tag)
    docker = ["docker", "-H", f"unix://{docker_rig.home}/d.sock"]
    for term, name in (("oci", "library/oci"), ("docker.io/oci", "docker.io/library/oci")):
        search = [*docker, "search", "--format", "{{.Name}}", f"{docker_rig.mirror.host}/{term}"]
        found = checked("docker", docker_rig.sealed.run(*search)).decode().split()
        assert name in found
        docker_rig.pull(f"{docker_rig.mirror.host}/{name}:{published.tag}")


def test_podman_searches_as_docker_does(docker_rig: Rig) -> None:
    docker_rig.pull(docker_rig.gallery["oci"].by_tag)
    search = ["podman", "search", "--tls-verify=false", "--format", "{{.Name}}", f"{docker_rig.mirror.host}/oci"]
    found = checked("podman", docker_rig.sealed.run(*search)).decode().split()
    assert f"{docker_rig.mirror.host}/library/oci" in found


def test_skopeo_lists_tags_directly(docker_rig: Rig) -> None:
    published = docker_rig.gallery["nested"]
    for registry in ("", f"{OTHER}/"):
        name = f"docker://{docker_rig.mirror.host}/{registry}{published.repository}"
        listed = docker_rig.sealed.run("skopeo", "list-tags", "--tls-verify=false", name)
        assert published.tag in json.loads(checked("skopeo", listed))["Tags"]


def test_referrers_at_a_registry_without_the_api_are_those_under_the_tag(docker_rig: Rig) -> None:
    published = docker_rig.gallery["nested"]
    ((_, index, (signature,)),) = published.attached
    path = referrers(docker_rig, published)
    status, headers, body = ask(docker_rig, path)
    assert (status, headers["Content-Type"]) == (200, "application/vnd.oci.image.index.v1+json")
    (entry,) = json.loads(body)["manifests"]
    assert entry == json.loads(index.data)["manifests"][0]
    assert entry["digest"] == signature.manifest.digest
    assert ask(docker_rig, f"/v2/{published.repository}/manifests/{entry['digest']}")[2] == signature.manifest.data
    filtered = ask(docker_rig, f"{path}?artifactType=application/vnd.example.none")
    assert json.loads(filtered[2])["manifests"] == []
    assert filtered[1]["OCI-Filters-Applied"] == "artifactType"


def test_without_the_registry_a_known_list_is_answered_and_an_unknown_one_is_not_empty(docker_rig: Rig) -> None:
    signed, plain = docker_rig.gallery["nested"], docker_rig.gallery["list"]
    assert ask(docker_rig, referrers(docker_rig, signed))[0] == 200
    with docker_rig.origin_stopped():
        assert ask(docker_rig, referrers(docker_rig, signed))[0] == 200
        assert ask(docker_rig, referrers(docker_rig, plain))[0] == 503
    status, _, body = ask(docker_rig, referrers(docker_rig, plain))
    assert (status, json.loads(body)["manifests"]) == (200, [])
