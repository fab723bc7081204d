"""Everything that is measured, in the order of its measuring: what is cold comes before what is hot."""

from __future__ import annotations

from bench import bounds, crowds, images, million, small
from bench.blobs import beside_pulls, cold, from_disk, herd, hot
from bench.cores import as_many_as_it_can
from bench.links import WAN
from bench.scene import Scenario, Setup
from bench.servers import CACHES, SERVING, Role

_TLS = Setup(tls=True)
_WAN = Setup(link=WAN)
_MILLION = Setup(rows=1_000_000)
_FETCHING = CACHES | Role.DIRECT
_ALONE = Role.MIRROR | Role.DIRECT

SCENARIOS = (
    Scenario("memory when idle", small.idle, SERVING | Role.WORKERS),
    Scenario("cold 1 KiB blob", cold("cold 1 KiB"), _FETCHING),
    Scenario("cold 1 MiB blob", cold("cold 1 MiB"), _FETCHING),
    Scenario("cold 64 MiB blob", cold("cold 64 MiB"), _FETCHING),
    Scenario("cold 256 MiB blob", cold("cold 256 MiB"), _FETCHING),
    Scenario("cold image of 30 layers, skopeo", images.by_skopeo, _FETCHING),
    Scenario("cold image of 30 layers, dockerd", images.by_dockerd, _FETCHING),
    Scenario(bounds.HERD, herd("herd", 32), CACHES | Role.WORKERS),
    *(Scenario(what, hot(clients), SERVING) for what, clients in zip(bounds.HOT, (1, 8, 32), strict=True)),
    Scenario(bounds.BY_TAG, small.answers(small.by_tag), SERVING),
    Scenario("manifest by tag, HEAD", small.answers(small.by_tag, "HEAD"), SERVING),
    Scenario(bounds.BY_DIGEST, small.answers(small.by_digest), SERVING),
    Scenario("manifest by digest, HEAD", small.answers(small.by_digest, "HEAD"), SERVING),
    Scenario("manifest by digest, in other bytes each time", small.answers(small.by_digest, "GET#"), SERVING),
    Scenario("1 KiB blob", small.answers(small.small_blob), SERVING),
    Scenario("1 KiB blob, HEAD", small.answers(small.small_blob, "HEAD"), SERVING),
    Scenario("/v2/", small.answers(lambda _: "/v2/"), SERVING),
    Scenario(bounds.AS_MANY, as_many_as_it_can(1), SERVING | Role.WORKERS),
    Scenario(bounds.ALL_CORES, as_many_as_it_can(16), SERVING | Role.WORKERS),
    Scenario("aiohttp alone, 1 KiB", small.answers(lambda _: "/"), Role.BARE),
    Scenario(bounds.MIXED, beside_pulls, SERVING),
    Scenario("manifests beside 8 pulls from disk", from_disk, SERVING),
    Scenario(bounds.STALLED, crowds.stalled, SERVING),
    Scenario(bounds.CROWD, herd("crowd", 1000), Role.MIRROR, once=True),
    Scenario("TLS: hot 256 MiB blob, 1 client", hot(1), SERVING, _TLS),
    Scenario("TLS: hot 256 MiB blob, 8 clients", hot(8), SERVING, _TLS),
    Scenario("TLS: manifest by tag", small.answers(small.by_tag), SERVING, _TLS),
    Scenario("TLS: manifest by tag, resumed connections", small.handshakes, SERVING, _TLS),
    Scenario(bounds.WAN_HERD, herd("herd over the WAN", 32), _FETCHING, _WAN),
    Scenario("cold image of 30 layers, skopeo, WAN", images.by_skopeo, _FETCHING, _WAN),
    Scenario(bounds.WAN_IMAGE, images.by_dockerd, _FETCHING, _WAN),
    Scenario(bounds.WAN_BLOB, cold("1 GiB over the WAN", "s"), _ALONE, _WAN, once=True),
    Scenario(bounds.MILLION_START, million.start, Role.MIRROR, _MILLION, once=True),
    Scenario(bounds.MILLION_LOOKUP, million.look_ups, Role.MIRROR, _MILLION, once=True),
    Scenario(bounds.MILLION_EVICT, million.choice, Role.MIRROR, _MILLION, once=True),
)
