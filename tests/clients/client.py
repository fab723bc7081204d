"""What every real client can do for these tests, whatever its own commands are called."""

from __future__ import annotations

from typing import Protocol

from tests.support.gallery import Published


class Client(Protocol):
    """A client whose only way to `docker.io` is the mirror."""

    name: str

    def start(self) -> None:
        """Start its daemon, if it has one, and wait until it answers."""

    def stop(self) -> None:
        """Stop what `start` started. Raises AssertionError if it does not stop."""

    def pull_command(self, reference: str) -> list[str]:
        """The command that pulls one image; it ends with 0 when the image is there."""

    def forget(self) -> None:
        """Empty the client's own storage, so that the next pull fetches everything."""

    def takes(self, published: Published) -> bool:
        """Whether this client can hold images of that kind at all."""

    def check(self, published: Published, reference: str) -> None:
        """Compare what the client holds with what was published, bit by bit. Raises AssertionError."""

    def read(self, reference: str, path: str) -> str | None:
        """A file of the unpacked image, read from inside it; None if there is no such file."""
