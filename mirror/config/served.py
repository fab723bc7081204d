"""Which of the upstreams that an image may come from are served here, by the configuration alone."""

from __future__ import annotations

from collections.abc import Iterable

from mirror.config.patterns import best, is_pattern
from mirror.config.settings import Settings


def unserved(settings: Settings, images: Iterable[str]) -> tuple[str, ...]:
    """Of the upstreams that these full names begin with, those that clients are refused, in lexical order."""
    patterns = [name for name in settings.resolved_upstreams() if is_pattern(name)]
    names = {image.partition("/")[0] for image in images} - settings.aliases().keys()
    return tuple(sorted(name for name in names if best(patterns, name) is None))
