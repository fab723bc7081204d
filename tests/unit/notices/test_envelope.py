"""What receivers read: distribution's envelope, and a signature that others verify."""

from __future__ import annotations

import json

from mirror.notices.envelope import Source, envelope, signature
from mirror.store.journal import Move

SOURCE = Source("http://host:5000", "host:5000", "run")
MOVE = Move("ghcr.io", "owner/name", "prod", "sha256:old", "sha256:new", 1_800_000_000.25, "192.0.2.7", "type", 12)


def test_a_move_has_the_shape_of_distribution_s_notifications() -> None:
    assert json.loads(envelope(MOVE, SOURCE, "one")) == {
        "events": [
            {
                "id": "one",
                "timestamp": "2027-01-15T08:00:00.250000+00:00",
                "action": "push",
                "target": {
                    "mediaType": "type",
                    "digest": "sha256:new",
                    "size": 12,
                    "length": 12,
                    "repository": "ghcr.io/owner/name",
                    "url": "http://host:5000/v2/ghcr.io/owner/name/manifests/sha256:new",
                    "tag": "prod",
                    "previousDigest": "sha256:old",
                },
                "request": {"id": "", "addr": "192.0.2.7", "method": "", "useragent": ""},
                "actor": {},
                "source": {"addr": "host:5000", "instanceID": "run"},
            }
        ]
    }


def test_a_tag_that_is_gone_was_deleted_and_what_is_not_known_is_not_told() -> None:
    gone = Move("ghcr.io", "owner/name", "prod", "sha256:old", None, 1.0, "")
    (event,) = json.loads(envelope(gone, SOURCE, "one"))["events"]
    assert event["action"] == "delete"
    assert event["target"] == {
        "digest": "sha256:old",
        "repository": "ghcr.io/owner/name",
        "url": "http://host:5000/v2/ghcr.io/owner/name/manifests/sha256:old",
        "tag": "prod",
        "previousDigest": "sha256:old",
    }


def test_a_signature_is_the_one_that_others_compute() -> None:
    """The example of GitHub's documentation of its web hooks."""
    expected = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert signature(b"It's a Secret to Everybody", b"Hello, World!") == expected
