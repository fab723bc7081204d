"""Lists of images, a line each: `docker.io/library/alpine:3.20 linux/amd64,linux/arm64  # a remark`. Pure.

Written by `mirror record`, and by hand; read by `mirror pull -f`, `mirror warm -f` and `images:` in the configuration.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mirror.errors import Malformed
from mirror.oci.image_name import ImageName
from mirror.oci.platform_choice import parse_platform

LARGEST = 4 * 1024**2  # bytes
MOST = 10_000  # images


@dataclass(frozen=True, slots=True)
class Entry:
    """An image, and the platforms that are wanted of it: none named for what whoever reads the list says."""

    image: ImageName
    platforms: tuple[str, ...] = ()


def parse_list(text: str) -> tuple[Entry, ...]:
    """The entries, each once, in their order. Malformed with the number of the first line that is none."""
    found: dict[Entry, None] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) > 2:
            raise Malformed(f"line {number}: an image, then its platforms with commas between them, and nothing else")
        try:
            image = ImageName.parse(words[0])
            platforms = tuple(parse_platform(word) for word in words[1].split(",")) if len(words) == 2 else ()
        except Malformed as error:
            raise Malformed(f"line {number}: {error}") from None
        found[Entry(image, platforms)] = None
        if len(found) > MOST:
            raise Malformed(f"more than {MOST} images are in one list")
    return tuple(found)


def written(entries: Iterable[tuple[Entry, str]]) -> Iterator[str]:
    """The lines of a list: each entry, with what is to be remarked about it if anything is."""
    for entry, remark in entries:
        words = " ".join([str(entry.image), ",".join(entry.platforms)]).strip()
        yield f"{words}  # {remark}" if remark else words
