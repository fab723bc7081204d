"""What may happen to a mirror that is held against a model: what clients ask, what goes wrong, and when it is."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

from hypothesis import strategies as st

from mirror.oci.digest import Digest
from mirror.pull.freshness import Policy
from tests.fakes.answers import throttled
from tests.support.caches import flip
from tests.support.faults import Fault
from tests.support.faulty_disk import Fault as DiskFault
from tests.support.model import Asked, Wanted
from tests.support.model_scene import CONFIGS, LARGE, LAYERS, MANIFESTS, MIDDLE, REPOSITORIES, SMALL, TAGS, Terms

_CUT = 70_000  # into a body: so much gained is worth going on with at once
TROUBLES = {  # of one answer, or of one and the next
    "ill": (Fault(status=503),),
    "broken": (Fault(status=500),),
    "throttling": (throttled(60),),
    "silent": (Fault(drop=True),),
    "cutting": (Fault(cut_at=_CUT),),
    "resetting": (Fault(reset_at=_CUT),),
    "cutting early": (Fault(cut_at=100),),
    "cutting, and then sending all of it": (Fault(cut_at=_CUT), Fault(whole=True)),
    "cutting, and then lying": (Fault(cut_at=_CUT), Fault(flip_at=100)),
    "lying": (Fault(flip_at=_CUT),),
    "lying early": (Fault(flip_at=100),),
    "without a length": (Fault(chunked=True),),
    "of another type": (Fault(headers={"Content-Type": "text/html"}),),
    "without a digest": (Fault(headers={"Docker-Content-Digest": None}),),
}
SPOILS: dict[str, Callable[[Path], object]] = {
    "flipped": lambda path: flip(path) if path.stat().st_size else None,
    "cut": lambda path: os.truncate(path, path.stat().st_size // 2),
    "emptied": lambda path: os.truncate(path, 0),
    "grown": lambda path: os.truncate(path, path.stat().st_size + 100),
    "gone": Path.unlink,
}

repositories = st.sampled_from(REPOSITORIES)
tags = st.sampled_from(TAGS)
images = st.integers(0, len(LAYERS) - 1)
terms = st.builds(
    Terms,
    policy=st.builds(
        Policy,
        tag_ttl=st.sampled_from([60.0, 0.0]),
        stale_for=st.sampled_from([600.0, 0.0]),
        not_found_ttl=st.sampled_from([30.0, 0.0]),
        serves_deleted=st.booleans(),
    ),
    memory=st.sampled_from([0, 1024**2]),
)
# Twice the time that a tag is fresh, and longer than it may be stale; a skew that is put up with, and one that is not.
_YEAR = 365 * 86400.0
jumps = st.sampled_from([-_YEAR, -100_000.0, -700.0, -50.0, -5.0, 5.0, 50.0, 100.0, 700.0, 100_000.0, _YEAR])
passing = st.sampled_from([1.0, 15.0, 120.0, 700.0])
sizes = st.sampled_from([150_000, 420_000, 1 << 40])
disk_faults = st.builds(
    DiskFault, st.sampled_from([errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT]), lasting=st.booleans()
)

_methods = st.sampled_from(["GET", "GET", "HEAD"])
_spans = st.sampled_from([None, None, (0, 0), (0, 69_999), (70_000, 1 << 30), (99_999, 1 << 30), (299_999, 300_100)])
_tag_requests = st.builds(Asked, st.builds(Wanted, repositories, st.just("manifests"), tags), _methods)
_by_digest = st.sampled_from([str(Digest.of(data)) for data in MANIFESTS])
_blob_digests = st.sampled_from([str(Digest.of(data)) for data in (LARGE, MIDDLE, LARGE, MIDDLE, SMALL, *CONFIGS)])
_manifest_requests = st.builds(Asked, st.builds(Wanted, repositories, st.just("manifests"), _by_digest), _methods)
_blobs = st.builds(Wanted, repositories, st.just("blobs"), _blob_digests)
blob_requests = st.builds(Asked, _blobs, _methods, _spans)
requests = st.one_of(_tag_requests, blob_requests, _manifest_requests)
