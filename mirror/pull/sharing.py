"""Lets sibling processes read along with the fetches of this one (F1). Knows not what they do with what they hear.

A sibling says `follow` with a digest, again every second. From then on it is told, each time with the digest:

`holding`  inode, offset (-1: nothing has come yet), total, upstream, repository, at once and again each time;
`grown`    inode, offset, as it grows: at most every 256 KiB or 20 ms;
`whole`    inode, size: verified, perhaps not stored yet;
`failed`   inode, upstream, repository, and the failure's words;
`left`     inode: nobody goes on with it here.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mirror.errors import Malformed
from mirror.oci.digest import Digest
from mirror.pull.fetch import Fetch
from mirror.pull.told import words_of
from mirror.siblings import Siblings

_STEP = 256 * 1024  # bytes that are worth a word
_PAUSE = 0.02  # seconds after which fewer are


@dataclass(slots=True)
class _Followed:
    """`inode` is that of the file which those who follow read; `told`: how far they know it."""

    inode: int
    told: int
    saying: asyncio.TimerHandle | None = None


class Sharing:
    """`underway`: the fetches of this process. Each is given to `lend` when it begins, and to `over` at its end."""

    def __init__(self, siblings: Siblings, underway: Callable[[], Iterable[Fetch]]) -> None:
        self._siblings = siblings
        self._underway = underway
        self._followed: dict[Fetch, _Followed] = {}
        self._shared = siblings.count > 1
        if self._shared:
            siblings.hear("follow", self._asked)

    def lend(self, fetch: Fetch) -> None:
        """Let others read along as soon as they ask."""
        if self._shared:
            fetch.growth.on_grown = lambda: self._grown(fetch)

    def over(self, fetch: Fetch, *, broken_off: bool) -> None:
        """This fetch has ended. `broken_off`: by us, so that somebody else may go on."""
        followed = self._followed.pop(fetch, None)
        if followed is None:
            return
        self._forget(followed)
        failure = fetch.failure
        if failure is None or broken_off:
            self._siblings.tell("left", str(fetch.digest), followed.inode)
        else:
            target = fetch.target
            self._siblings.tell("failed", str(fetch.digest), followed.inode, *target.place, *words_of(failure))

    def _asked(self, digest: str) -> None:
        try:
            wanted = Digest.parse(digest)
        except Malformed:
            return
        for fetch in self._underway():
            if fetch.digest == wanted and fetch.sink.is_stored and not fetch.growth.verified:
                self._hold_out(fetch)
                return

    def _hold_out(self, fetch: Fetch) -> None:
        growth, target = fetch.growth, fetch.target
        if growth.descriptor < 0 or growth.failure is not None:
            return
        inode = os.fstat(growth.descriptor).st_ino
        offset = growth.progress if growth.has_begun else -1
        followed = self._followed.setdefault(fetch, _Followed(inode, offset))
        followed.told = max(followed.told, offset)
        self._siblings.tell("holding", str(fetch.digest), inode, offset, growth.total, *target.place)

    def _grown(self, fetch: Fetch) -> None:
        followed = self._followed.get(fetch)
        if followed is None:
            return
        growth = fetch.growth
        if growth.verified:
            del self._followed[fetch]
            self._forget(followed)
            self._siblings.tell("whole", str(fetch.digest), followed.inode, growth.progress)
        elif growth.has_turned:
            self.over(fetch, broken_off=True)
        elif growth.failure is not None:
            return  # `over` says so, when the ingest has been let go
        elif followed.told < 0:
            self._hold_out(fetch)
        elif growth.progress - followed.told >= _STEP:
            self._say(fetch, followed)
        elif followed.saying is None and growth.progress > followed.told:
            loop = asyncio.get_running_loop()
            followed.saying = loop.call_later(_PAUSE, self._say, fetch, followed)

    def _say(self, fetch: Fetch, followed: _Followed) -> None:
        self._forget(followed)
        followed.told = fetch.growth.progress
        self._siblings.tell("grown", str(fetch.digest), followed.inode, followed.told)

    def _forget(self, followed: _Followed) -> None:
        if followed.saying is not None:
            followed.saying.cancel()
            followed.saying = None
