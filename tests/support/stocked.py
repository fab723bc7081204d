"""An index with images in it, as a mirror notes them; digests are made of names."""

from __future__ import annotations

from hashlib import sha256

from mirror.store.choice import Choice, Demand, Going
from mirror.store.choosing import Choosing
from mirror.store.images import Images, Name
from mirror.store.index import Index, Member
from mirror.store.ingest import Stamp

UPSTREAM = "registry.example"
TYPE = "application/vnd.oci.image.manifest.v1+json"


def named(name: str) -> str:
    """The digest that stands for this name."""
    return f"sha256:{sha256(name.encode()).hexdigest()}"


def least_used(index: Index) -> list[tuple[str, int]]:
    """Digests and sizes of what is stored and not pinned by its digest, the longest unused first."""
    rows = index.read("SELECT digest, size FROM blobs WHERE pinned = 0 ORDER BY last_use")
    return [(digest, size) for digest, size in rows]


def choose(index: Index, demand: Demand) -> Choice:
    """All that is to go for this, chosen without a pause between the turns."""
    choosing = Choosing(index, demand)
    going: list[Going] = []
    while not choosing.is_over:
        going += choosing.next()
    return choosing.chosen(going)


def image(repository: str, upstream: str = UPSTREAM) -> Name:
    """The name of the image whose manifest is called as its repository is."""
    return upstream, repository, named(repository)


class Stocked:
    """Notes what a mirror would note. Sizes are bytes, times are seconds."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.images = Images(index)

    def blob(self, name: str, size: int = 100, used: float = 0.0) -> str:
        self.index.put_blob(named(name), Stamp(size, 1, 1), used)
        return named(name)

    def document(self, name: str, *needs: str, size: int = 10, used: float = 0.0) -> str:
        """A manifest that is stored, and needs what has these names."""
        self.blob(name, size, used)
        self.images.note(named(name), map(named, needs))
        return named(name)

    def image(self, repository: str, *layers: str, pulled: float = 0.0, upstream: str = UPSTREAM) -> Name:
        """An image of these layers, that are stored unless they are already, and was pulled once."""
        self.document(repository, *layers, used=pulled)
        for layer in layers:
            self.index.find_blobs([(named(layer), 100, pulled)])
        name = image(repository, upstream)
        self.index.put_members([Member(*name, TYPE)])
        self.images.note_pulls({name: pulled})
        return name

    def loose(self) -> set[str]:
        return {digest for (digest,) in self.index.read("SELECT digest FROM loose")}
