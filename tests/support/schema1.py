"""A Docker schema 1 manifest, unsigned and signed: its digest is of what was signed."""

from __future__ import annotations

import base64
import json

from mirror.oci.digest import Digest

PAYLOAD = b'{"schemaVersion":1,"name":"a/b","tag":"old","fsLayers":[],"history":[]}'


def signed(payload: bytes, key: str = "a") -> bytes:
    """The payload with a signature, as a registry sends it; nobody checks what the signature says."""
    header = json.dumps({"formatLength": len(payload) - 1, "formatTail": "fQ"})
    protected = base64.urlsafe_b64encode(header.encode()).decode().rstrip("=")
    signature = json.dumps([{"protected": protected, "signature": key}])
    return payload[:-1] + b',"signatures":' + signature.encode() + b"}"


SIGNED = signed(PAYLOAD)
DIGEST = Digest.of(PAYLOAD)
