"""Whether the upstreams may be asked anything at all: one gate for the whole mirror. Knows no upstream.

The operator shuts it: from then on no packet leaves, and what is under way is cut, to be gone on with once it is open.
"""

from __future__ import annotations

from collections.abc import Callable

from mirror.errors import Frozen

Cut = Callable[[], None]


class Contact:
    """Open unless made `frozen`. Belongs to one event loop; freezing twice is as good as once."""

    def __init__(self, frozen: bool = False) -> None:
        self._frozen = frozen
        self._cuts: set[Cut] = set()

    def __len__(self) -> int:
        """How many exchanges are under way."""
        return len(self._cuts)

    @property
    def frozen(self) -> bool:
        return self._frozen

    def freeze(self) -> None:
        """Refuse every exchange from now on, and cut those under way: their requests and bodies end as broken off."""
        self._frozen = True
        cuts, self._cuts = self._cuts, set()
        for cut in cuts:
            cut()

    def thaw(self) -> None:
        """Let everything pass again."""
        self._frozen = False

    def check(self, upstream: str) -> None:
        """Raises Frozen when frozen."""
        if self._frozen:
            raise refusal(upstream)

    def enter(self, upstream: str, cut: Cut) -> None:
        """An exchange with `upstream` begins; `cut`, which never raises, ends it. Raises Frozen when frozen."""
        self.check(upstream)
        self._cuts.add(cut)

    def leave(self, cut: Cut) -> None:
        """The exchange is over. Twice is as good as once."""
        self._cuts.discard(cut)


def refusal(upstream: str) -> Frozen:
    """The error for whatever the gate stopped."""
    return Frozen(f"{upstream}: upstream contact is frozen by the operator")
