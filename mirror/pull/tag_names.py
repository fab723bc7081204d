"""The names of tags that we know: those that upstreams have listed, and those that somebody has pulled. Asks nobody."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from cachetools import LRUCache

from mirror.pull.upstreams import Target
from mirror.store.catalog import Key
from mirror.store.facts import Facts
from mirror.store.listing import Listing
from mirror.upstream.answers import TagsPage

_MOST = 20_000  # names that are noted of one repository
_KEPT = 200_000  # names in memory, of all repositories


@dataclass(frozen=True, slots=True)
class KnownNames:
    """In lexical order; `checked`: when the upstream last listed some of them, None if it never did."""

    names: tuple[str, ...]
    checked: float | None


class TagNames:
    """The names of all upstreams. `now` is the wall clock."""

    def __init__(self, facts: Facts, now: Callable[[], float] = time.time) -> None:
        self._facts = facts
        self._now = now
        self._heard: LRUCache[Key, KnownNames] = LRUCache(_KEPT, getsizeof=lambda known: len(known.names) + 1)
        facts.watch(self._changed)

    def hear(self, target: Target, last: str | None, page: TagsPage) -> None:
        """Take up what the upstream has listed after `last`."""
        key, now, policy = _key(target), self._now(), target.upstream.policy
        known = self._listed(key)
        if len(page.names) > _MOST:  # not even to be sorted: of the longest lists that would take half a second
            last, page = None if page.whole else last, TagsPage(page.names[:_MOST], more=True)
        names = taken_up(known.names, last, page)[:_MOST]
        if names == known.names and known.checked is not None and 0 <= now - known.checked < policy.tag_ttl:
            return  # a list that is asked for all the time is not noted all the time
        self._heard[key] = KnownNames(names, now)
        # On disk only for what somebody pulls: anybody may ask for the list of any repository that there is.
        if self._facts.tag_names(target.name, target.repository):
            self._facts.put_listing(key, Listing("\n".join(names), now), policy.horizon)

    def known(self, target: Target) -> KnownNames:
        """All of them, which need not be all that there are."""
        listed = self._listed(_key(target))
        pulled = self._facts.tag_names(target.name, target.repository)
        return KnownNames(tuple(sorted({*listed.names, *pulled})), listed.checked)

    def forget(self, target: Target) -> None:
        """The upstream says that there is no such repository."""
        self._heard.pop(_key(target), None)
        self._facts.forget_listing(_key(target))

    def _changed(self, key: Key | None) -> None:
        """Another process has heard more."""
        if key is None:
            self._heard.clear()
        else:
            self._heard.pop(key, None)

    def _listed(self, key: Key) -> KnownNames:
        known = self._heard.get(key)
        if known is None:
            listing = self._facts.listing(key)
            if listing is None:
                return KnownNames((), None)
            names = tuple(listing.text.split("\n")) if listing.text else ()
            known = self._heard[key] = KnownNames(names, listing.checked)
        return known


def taken_up(known: Sequence[str], last: str | None, page: TagsPage) -> tuple[str, ...]:
    """What is known, in lexical order, after a page that was asked for after `last`.

    A page in lexical order tells also what is no longer there, between its ends. One in another order does not.
    """
    listed = page.names
    if page.whole or (last is None and not page.more):
        return tuple(sorted(set(listed)))
    if not all(one < other for one, other in pairwise([*([] if last is None else [last]), *listed])):
        return tuple(sorted({*known, *listed}))
    if page.more and not listed:
        return tuple(known)
    end = listed[-1] if page.more else None
    before = [name for name in known if last is not None and name <= last]
    behind = [name for name in known if end is not None and name > end]
    return (*before, *listed, *behind)


def _key(target: Target) -> Key:
    return Key("tags", target.name, target.repository, "")
