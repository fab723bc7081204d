"""Room on the disk that downloads under way are yet to take: so that a bound is kept before they come, not after.

Counts; what is done about it is housekeeping's. Belongs to the loop's thread.
"""

from __future__ import annotations

from mirror.oci.digest import Digest
from mirror.store.elsewhere import Elsewhere
from mirror.store.ingest import Ingest


class Reservations:
    """The ingests under way whose size is known. Who ends one releases it.

    `elsewhere`: what other processes were storing when somebody last looked.
    """

    def __init__(self) -> None:
        self.elsewhere = Elsewhere()
        self._held: dict[Digest, Ingest] = {}

    def hold(self, ingest: Ingest) -> None:
        """Count an ingest from now on, as it stands whenever somebody looks."""
        self._held[ingest.digest] = ingest

    def release(self, digest: Digest) -> None:
        """Count it no more. Harmless when repeated."""
        self._held.pop(digest, None)

    @property
    def outstanding(self) -> int:
        """Bytes that they are still to write."""
        own = sum(max((one.total or 0) - one.offset, 0) for one in self._held.values())
        return own + self.elsewhere.outstanding

    def whole(self, largest: int) -> int:
        """Bytes that they will have in the end, but for those that are larger than `largest` and will not stay."""
        own = sum(one.total for one in self._held.values() if one.total is not None and one.total <= largest)
        return own + self.elsewhere.whole(largest)
