"""Traces of pulls as clients make them, and their bounds: few images are pulled often, and all share their bases."""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

APART = 600.0  # seconds between two pulls
_BASES = 12


@dataclass(frozen=True, slots=True)
class Wanted:
    """An image: its name, its blobs with their sizes, the manifest first, and the repository that has it."""

    name: str
    blobs: dict[str, int]
    repository: str

    @property
    def size(self) -> int:
        return sum(self.blobs.values())


def images(count: int, seed: int = 6) -> list[Wanted]:
    """Images with layers of their own on top of bases that they share."""
    random_ = random.Random(seed)
    bases = {f"base{number}": random_.randint(20_000, 80_000) for number in range(_BASES)}
    made = []
    for number in range(count):
        base = random_.choice([*bases])
        own = {f"layer{number}.{place}": random_.randint(1_000, 60_000) for place in range(random_.randint(1, 5))}
        made.append(Wanted(f"app{number}", {f"app{number}": 1_000, base: bases[base], **own}, f"app{number}"))
    return made


def zipf(of: Sequence[Wanted], length: int, exponent: float, seed: int = 7) -> list[Wanted]:
    """Pulls of which the nth image has a share of 1/n to the power of `exponent`."""
    random_ = random.Random(seed)
    order = random_.sample(of, len(of))
    return random_.choices(order, [1 / (rank + 1) ** exponent for rank in range(len(order))], k=length)


def with_builds(pulls: Sequence[Wanted], share: float, every: int, seed: int = 8) -> list[Wanted]:
    """The same where of so many repositories there is another build after `every` pulls, on the same base."""
    built = {name for name in sorted({pull.name for pull in pulls}) if random.Random(f"{seed} {name}").random() < share}
    return [_build(pull, place // every) if pull.name in built else pull for place, pull in enumerate(pulls)]


def best_hits(pulls: Sequence[Wanted], limit: int) -> int:
    """Pulls of which everything is there when what goes is what is pulled again last (Belady)."""
    coming: dict[str, list[int]] = {}
    for place, pull in reversed([*enumerate(pulls)]):
        coming.setdefault(pull.name, []).append(place)
    held: dict[str, Wanted] = {}
    hits = 0
    for pull in pulls:
        coming[pull.name].pop()
        hits += pull.name in held
        held[pull.name] = pull
        while sum(_union(held.values()).values()) > limit:
            others = (name for name in held if name != pull.name)
            del held[max(others, key=lambda name: coming[name][-1] if coming[name] else len(pulls))]
    return hits


def blob_lru_hits(pulls: Sequence[Wanted], limit: int, low_water: float) -> int:
    """The same when blobs go one by one, the longest unused first, down to the low-water mark."""
    held: OrderedDict[str, int] = OrderedDict()
    hits = 0
    for pull in pulls:
        hits += all(blob in held for blob in pull.blobs)
        for blob, size in pull.blobs.items():
            held[blob] = size
            held.move_to_end(blob)
        if sum(held.values()) > limit:
            while sum(held.values()) > limit * low_water:
                held.popitem(last=False)
    return hits


def _build(image: Wanted, number: int) -> Wanted:
    blobs = {blob if blob.startswith("base") else f"{blob} {number}": size for blob, size in image.blobs.items()}
    return Wanted(f"{image.name} {number}", blobs, image.repository)


def _union(images: Iterable[Wanted]) -> dict[str, int]:
    return {blob: size for image in images for blob, size in image.blobs.items()}
