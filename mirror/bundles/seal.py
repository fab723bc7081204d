"""What vouches for a bundle's contents: their digest always, and a keyed hash where both sides share a key.

The contents name every byte of the bundle by its digest, so vouching for them vouches for all of it. HMAC-SHA256
(RFC 2104) with a key in a file: exporter and importer belong to one operator, and no further library is needed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from pathlib import Path

from mirror.errors import Code, MirrorError, Refused

LARGEST = 512  # bytes of a seal
_SHORTEST_KEY = 16  # bytes
_LONGEST_KEY = 4096

_seal = re.compile(rb"sha256 ([0-9a-f]{64})\n(?:hmac-sha256 ([0-9a-f]{64})\n)?").fullmatch


def read_key(path: Path) -> bytes:
    """The key in the file, as its bytes are but for white space at its ends. Raises MirrorError, OSError. Blocks."""
    with path.open("rb") as file:
        key = file.read(_LONGEST_KEY + 1).strip()
    if not _SHORTEST_KEY <= len(key) <= _LONGEST_KEY:
        raise MirrorError(
            f"{path} does not hold a key of {_SHORTEST_KEY} to {_LONGEST_KEY} bytes: "
            "`head -c 32 /dev/urandom | base64` makes one"
        )
    return key


def seal(contents: bytes, key: bytes | None) -> bytes:
    """The seal of these contents, signed if there is a key."""
    lines = [f"sha256 {hashlib.sha256(contents).hexdigest()}"]
    if key is not None:
        lines.append(f"hmac-sha256 {_mac(contents, key)}")
    return "".join(f"{line}\n" for line in lines).encode()


def check(contents: bytes, sealed: bytes, key: bytes | None) -> bool:
    """Whether the seal is signed. Raises Refused when it is not that of these contents, or not by this key.

    Without a key a signature is not looked at.
    """
    found = _seal(sealed)
    if found is None:
        raise Refused("the seal of the bundle cannot be read: have it carried again", code=Code.BAD_REQUEST)
    if found[1].decode() != hashlib.sha256(contents).hexdigest():
        words = "the contents of the bundle are not those that were sealed: have it carried again"
        raise Refused(words, code=Code.BAD_REQUEST)
    signature: bytes | None = found[2]
    if key is None:
        return signature is not None
    if signature is None:
        raise Refused(
            "the bundle is not signed, and --verify-key demands it: export it with --sign-key", code=Code.BAD_REQUEST
        )
    if not hmac.compare_digest(signature, _mac(contents, key).encode()):
        words = "the bundle is not signed with this key: it has to be the one that it was exported with"
        raise Refused(words, code=Code.BAD_REQUEST)
    return True


def _mac(contents: bytes, key: bytes) -> str:
    return hmac.new(key, b"mirror bundle\n" + contents, hashlib.sha256).hexdigest()
