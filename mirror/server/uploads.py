"""How much of the line clients may take with blobs: all of them together, and each. Knows no connections."""

from __future__ import annotations

from typing import Self
from weakref import WeakValueDictionary

from cachetools import LRUCache

from mirror.allowance import Allowance, Turnstile, allowance, turnstile
from mirror.config.bandwidth import Window
from mirror.config.settings import Limits
from mirror.server.admission import place_of

_REMEMBERED = 1024  # clients whose share is kept for when they ask again, lest each request have one of its own


class Uploads:
    """`whole`: what all clients keep to together; `each`: what every one of them does by itself. () for no limit."""

    def __init__(self, whole: tuple[Window, ...] = (), each: tuple[Window, ...] = ()) -> None:
        self._each = each
        self._whole = allowance(whole)
        self._open = turnstile(self._whole)
        self._clients: WeakValueDictionary[str, Allowance] = WeakValueDictionary()  # as long as anybody uses them
        self._lately: LRUCache[str, Allowance] = LRUCache(_REMEMBERED)

    @property
    def limited(self) -> bool:
        """Whether there is anything to keep to."""
        return bool(self._each) or self._whole is not None

    @classmethod
    def configured(cls, limits: Limits) -> Self:
        """As the operator has written them."""
        return cls(limits.upload, limits.upload_per_client)

    def of(self, address: str) -> Turnstile:
        """What is sent to the client at this address goes through it, with all else that it is being sent."""
        if not self._each:
            return self._open
        place = place_of(address)
        own = self._clients.get(place) or allowance(self._each)
        if own is not None:
            self._clients[place] = self._lately[place] = own
        return turnstile(own, self._whole)
