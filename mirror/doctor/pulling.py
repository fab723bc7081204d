"""Where the blobs of an image are sent from, learned by pulling its manifests and the first byte of one blob.

A registry often sends them from hosts of another name, which a firewall, a proxy or a rule of ours may keep us from.
"""

from __future__ import annotations

from dataclasses import dataclass

from yarl import URL

from mirror.doctor.findings import Finding, Level
from mirror.errors import Code, Malformed, UpstreamError
from mirror.oci.digest import Digest
from mirror.oci.manifest import Kind, Manifest, classify
from mirror.oci.media_types import ACCEPT
from mirror.upstream import answers, origins, redirects
from mirror.upstream.auth import Access
from mirror.upstream.endpoint import Endpoint, Question
from mirror.upstream.report import Request
from mirror.upstream.transport import Transport

_LIMIT = 4 * 1024**2  # bytes of a manifest
_HOPS = 5
_WHAT = "redirects"


@dataclass(frozen=True, slots=True)
class Wanted:
    """An image, as its upstream knows it."""

    repository: str
    reference: str


async def follow(transport: Transport, access: Access, url: URL, wanted: Wanted) -> Finding:
    """What became of it, in one finding. Takes as long as the requests do. May be cancelled."""
    endpoint = Endpoint(url, access, transport, _HOPS)
    try:
        manifest = await _manifest(endpoint, wanted.repository, wanted.reference)
        if manifest.kind is Kind.INDEX and manifest.manifests:
            manifest = await _manifest(endpoint, wanted.repository, str(manifest.manifests[0].digest))
    except (UpstreamError, Malformed) as error:
        return Finding(Level.BAD, transport.name, _WHAT, f"the manifest of that image: {error}", "is its name right?")
    if not manifest.blobs:
        return Finding(Level.SKIPPED, transport.name, _WHAT, "that image has no blob to look for")
    digest = min(manifest.blobs, key=lambda blob: blob.size).digest
    places: list[str] = []
    try:
        status = await _travel(transport, access, _of_blob(url, wanted.repository, digest), wanted.repository, places)
    except UpstreamError as error:
        words = f"blobs are sent from {_way(places)}: {error}"
        advice = "does a firewall let us there? If it is an address of yours, see `allow_private_addresses`"
        return Finding(Level.BAD, transport.name, _WHAT, words, advice)
    if status not in (200, 206):
        words = f"blobs are sent from {_way(places)}, which answers {status}"
        return Finding(Level.BAD, transport.name, _WHAT, words, "whoever runs that registry has to see to it")
    return Finding(Level.OK, transport.name, _WHAT, f"blobs are sent from {_way(places)}")


async def _manifest(endpoint: Endpoint, repository: str, reference: str) -> Manifest:
    path, headers = f"manifests/{reference}", {"Accept": ACCEPT}
    question = Question("manifest", "GET", repository, path, Code.MANIFEST_UNKNOWN, headers=headers)
    got = await answers.manifest_body(await endpoint.ask(question), _LIMIT, reference)
    return classify(got.body, got.content_type)


def _of_blob(url: URL, repository: str, digest: Digest) -> URL:
    return url.with_path(f"{url.raw_path.rstrip('/')}/v2/{repository}/blobs/{digest}", encoded=True)


async def _travel(transport: Transport, access: Access, start: URL, repository: str, places: list[str]) -> int:
    """The status at the end of the redirects. `places` is added to with each host on the way."""
    proof = await access.proof(repository)
    url = start
    for _ in range(_HOPS + 1):
        if not places or places[-1] != origins.place(url):
            places.append(origins.place(url))
        headers = {"Range": "bytes=0-0"}
        if proof is not None and origins.same(url, start):
            headers["Authorization"] = proof.header
        response = await transport.exchange(Request("blob", "GET", url, headers))
        await response.discard()
        if response.status not in redirects.STATUSES:
            return response.status
        url = redirects.follow(transport.name, url, response.value("Location"))
    return response.status


def _way(places: list[str]) -> str:
    return ", by way of ".join(reversed(places))
