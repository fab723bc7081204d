"""A disk that holds one call up, so that another process can do something in between."""

from __future__ import annotations

import threading

from mirror.store.filesystem import Filesystem

_PATIENCE = 10.0  # seconds for the test to let it go on


class HeldDisk(Filesystem):
    """Once it is told to `hold`, the next claim of an ingest sets `arrived`, and waits until `go` is set."""

    def __init__(self) -> None:
        self.arrived = threading.Event()
        self.go = threading.Event()
        self._holds = False

    def hold(self) -> None:
        self._holds = True

    def make_directory(self, name: str, parent: int) -> int:
        if self._holds:
            self._holds = False
            self.arrived.set()
            if not self.go.wait(_PATIENCE):
                raise TimeoutError("nobody has let the disk go on")
        return super().make_directory(name, parent)
