"""A page of a tag list, handed to the processes that waited for it while this one asked. By way of the catalog.

Of no use to anybody else: whoever begins a list anew is to see what is new.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mirror.store.catalog import Key
from mirror.store.facts import Facts
from mirror.store.listing import Listing

_LIFETIME = 10.0  # seconds, in which those who waited have looked
_LARGEST = 10_000  # names
_MORE, _LAST = "+", "-"


class HandedPages:
    """`now` is the wall clock, in seconds, which is one for all processes."""

    def __init__(self, facts: Facts, now: Callable[[], float]) -> None:
        self._facts = facts
        self._now = now

    def give(self, key: Key, names: Sequence[str], more: bool) -> None:
        """Lay it down, unless it is too large for that."""
        if len(names) <= _LARGEST:
            text = "\n".join((_MORE if more else _LAST, *names))
            self._facts.put_listing(key, Listing(text, self._now()), _LIFETIME)

    def take(self, key: Key, since: float) -> tuple[tuple[str, ...], bool] | None:
        """The names, and whether there is another page; None if nothing was laid down since then.

        Nor is anything that was laid down by a clock which has been set back since: it may be as old as it likes.
        """
        listing = self._facts.listing(key)
        if listing is None or not since <= listing.checked <= self._now():
            return None
        more, *names = listing.text.split("\n")
        return tuple(names), more == _MORE


def page_key(asked: tuple[str, str, int | None, str | None]) -> Key:
    """The fact's name for the page that is asked for with upstream, repository, `n` and `last`."""
    upstream, repository, n, last = asked
    return Key("page", upstream, repository, "" if last is None else last, "" if n is None else str(n))
