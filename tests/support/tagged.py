"""A mirror whose registry moves a tag, and the commands about tags, for tests of these."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.commands import Commands
from tests.support.mirror_thread import MirrorThread

IMAGE = "team/app:prod"


@dataclass(frozen=True, slots=True)
class Tagged:
    """`digests`: where the tag has been, in its order; everything of them is cached."""

    served: MirrorThread
    commands: Commands
    digests: list[str]

    def given(self) -> str:
        """The digest that a client is given for the tag."""
        return str(self.served.ask("HEAD", "/v2/team/app/manifests/prod")["Docker-Content-Digest"])


def without_ttl(_: str) -> dict[str, object]:
    """A tag is asked for each time."""
    return {"upstreams": {"docker.io": {"tag_ttl": "0s"}}}


@contextmanager
def tagged(root: Path, moves: int = 3) -> Iterator[Tagged]:
    """`app:prod` of a mirror that runs, pulled at each place that it was moved to."""
    with MirrorThread(root, without_ttl) as served:
        digests = []
        for number in range(moves):
            layer = f"layer {number}".encode()
            image = served.call(lambda layer=layer: served.registry.push_image("team/app", "prod", [layer]))  # type: ignore[misc]
            assert served.ask("GET", "/v2/team/app/manifests/prod").status == 200
            for digest in (image.config_digest, *image.layer_digests):
                assert served.ask("GET", f"/v2/team/app/blobs/{digest}").status == 200
            served.settle()
            digests.append(str(image.digest))
        yield Tagged(served, Commands(root).reaching(served), digests)
