"""What an upstream can do wrong, a row for each: what clients hear of it, by kind of request, cold and cached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.fakes import answers
from tests.fakes.answers import framed, redirected, throttled, throttled_until
from tests.faults.kinds import BLOB, BLOB_PATH, KINDS
from tests.support.faults import Fault, Never
from tests.support.raw import Script

STALE = "stale stale stale"  # what is cached, with a word why
FRESH = "whole whole whole"  # what is cached, which the trouble does not touch
REFUSED = "403 403 403"  # a refusal is no outage


@dataclass(frozen=True, slots=True)
class Row:
    """`cold` has a word for each of KINDS, `cached` for a due tag, a HEAD for it, and the list of tags.

    `times` is how many answers are wrong (None: all); `hops` what one question may ask beyond the usual; `leaves` the
    kind whose next pull still meets what this trouble left behind, is visibly cut, and so clears it away.
    """

    trouble: Fault | Script
    cold: str
    cached: str = STALE
    times: int | None = None
    hops: int = 0
    leaves: str = ""

    def heard_cold(self, kind: str) -> str:
        return dict(zip(KINDS, self.cold.split(), strict=True))[kind]

    def heard_cached(self, kind: str) -> str:
        """By digest nobody is asked, and a token that is held is good."""
        return dict(zip(("tag", "head", "tags"), self.cached.split(), strict=True)).get(kind, "whole")


PAGE = b"<html><body>Welcome to the hotel's network</body></html>"
SILENCE = Fault(hold=Never())
ZEROES = {"Docker-Content-Digest": f"sha256:{'0' * 64}"}
A_PART = {"Content-Range": f"bytes 0-99/{len(BLOB)}"}
NO_PART = {"Content-Range": "bytes */*"}

NO_ANSWER: Mapping[str, Row] = {
    #                    tag digest head blob resume tags token
    "reset": Row(Fault(drop=True), "503 503 503 503 cut 503 503"),
    "reset once": Row(Fault(drop=True), "whole whole whole whole whole whole whole", FRESH, times=1),
    "closed": Row(answers.CLOSED_WITHOUT_A_WORD, "503 503 503 503 cut 503 503"),
    "silence": Row(SILENCE, "504 504 504 504 cut 504 504"),
}
NO: Mapping[str, Row] = {
    "401": Row(Fault(status=401), "403 403 403 403 cut 403 403", REFUSED),
    "403": Row(Fault(status=403), "403 403 403 403 cut 403 403", REFUSED),
    "404": Row(Fault(status=404), "404 404 404 404 cut 404 502", "stale stale 404"),
    "429, in seconds": Row(throttled(1), "503 503 503 503 cut 503 503"),
    "429, until a date": Row(throttled_until(1), "503 503 503 503 cut 503 503"),
    "429, until a date gone by": Row(throttled_until(-60), "503 503 503 503 cut 503 503"),
    "500": Row(Fault(status=500), "503 503 503 503 cut 503 503"),
    "500 once": Row(Fault(status=500), "503 503 503 503 whole 503 503", times=1),
    "502": Row(Fault(status=502), "503 503 503 503 cut 503 503"),
    "503, in seconds": Row(Fault(status=503, headers={"Retry-After": "1"}), "503 503 503 503 cut 503 503"),
    "204": Row(answers.NO_CONTENT, "502 502 502 502 cut 502 502"),
    "304": Row(answers.NOT_MODIFIED, "502 502 502 502 cut 502 502", "whole whole stale"),
    "416": Row(Fault(status=416), "502 502 502 502 cut 502 502"),
    "a status that nobody knows": Row(answers.UNKNOWN_STATUS, "503 503 503 503 cut 503 503"),
}
REDIRECTS: Mapping[str, Row] = {
    "in circles": Row(redirected(BLOB_PATH), "502 502 502 502 cut 502 502", hops=10),
    "to nowhere": Row(Fault(status=307), "502 502 502 502 cut 502 502"),
    "to another scheme": Row(redirected("ftp://127.0.0.1/x"), "502 502 502 502 cut 502 502"),
    "to a closed port": Row(redirected("http://127.0.0.1:9/x"), "503 503 503 503 cut 503 502"),
    "to a private address": Row(redirected("http://127.0.0.2:9/x"), "502 502 502 502 cut 502 502"),
}
FRAMES: Mapping[str, Row] = {
    "no HTTP": Row(answers.GARBAGE, "502 502 502 502 cut 502 502"),
    "half a head": Row(answers.HALF_A_HEAD, "503 503 503 503 cut 503 503"),
    "an endless head": Row(answers.ENDLESS_HEAD, "502 502 502 502 cut 502 502"),
    "an endless body": Row(answers.ENDLESS_BODY, "502 502 502 cut cut 502 502"),
    "two lengths": Row(answers.TWO_LENGTHS, "502 502 502 502 cut 502 502"),
    "a negative length": Row(answers.NEGATIVE_LENGTH, "502 502 502 502 cut 502 502"),
    "a length and chunks": Row(answers.LENGTH_AND_CHUNKS, "502 502 502 502 cut 502 502"),
    "a chunk of no size": Row(answers.BAD_CHUNK, "502 502 502 502 cut 502 502"),
    "chunks that do not end": Row(answers.UNFINISHED_CHUNKS, "502 502 502 cut cut 502 502", leaves="blob"),
    "ended by the connection": Row(framed(body=PAGE), "502 502 502 cut cut 502 502"),
    "the head alone": Row(answers.RESET_AFTER_THE_HEAD, "502 502 502 502 cut 502 502"),
}
# A HEAD that nothing is cached for repeats what the upstream says of a body that nobody has seen ("as told").
HELD, TOLD = "whole whole stale", "502 502 as-told"
BODIES: Mapping[str, Row] = {
    "closed after ten bytes": Row(Fault(cut_at=10), "502 502 whole whole whole 502 502", HELD, times=2),
    "silent after ten bytes": Row(
        Fault(stall_at=10, until=Never()), "502 502 whole whole whole 502 502", HELD, times=2
    ),
    "announced longer": Row(Fault(length=300_000), f"{TOLD} cut cut 502 502", HELD),
    "announced shorter": Row(Fault(length=5), f"{TOLD} 502 cut 502 502", HELD),
    "a bit flipped": Row(Fault(flip_at=1), "502 502 whole cut cut 502 502", HELD),
    "nothing": Row(Fault(body=b""), f"{TOLD} 502 cut 502 502", HELD),
    "a page, called what was asked for": Row(Fault(body=PAGE), f"{TOLD} 502 cut 502 502", HELD),
    "encoded": Row(Fault(headers={"Content-Encoding": "gzip"}), "502 502 502 502 cut 502 whole"),
    "of another type": Row(Fault(headers={"Content-Type": "text/html"}), "502 502 502 whole whole whole whole", FRESH),
    "of another digest": Row(Fault(headers=ZEROES), "502 whole as-told whole whole whole whole", "stale as-told whole"),
    "the range ignored": Row(Fault(whole=True), "whole whole whole whole whole whole whole", FRESH),
    "another range": Row(Fault(headers=A_PART), "whole whole whole whole whole whole whole", FRESH),
    "a range of no size": Row(Fault(headers=NO_PART), "whole whole whole whole whole whole whole", FRESH),
}
ROWS: Mapping[str, Row] = {
    **NO_ANSWER,
    **NO,
    **{f"redirected {where}": row for where, row in REDIRECTS.items()},
    **FRAMES,
    **BODIES,
}
