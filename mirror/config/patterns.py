"""Names of upstreams that stand for many hosts: `*.pkg.dev`, `*.dkr.ecr.*.amazonaws.com`. Resolves and dials nothing.

A `*` is one label of a host name or a part of one, never more: what matches is as deep below the literal end of the
pattern as the operator wrote, so that nobody else's host can be meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from mirror.config.addresses import parse_registry

_WORDS = "not a pattern of hosts: `*` stands for one label or a part of it, and the last two labels have none"


def is_pattern(name: str) -> bool:
    """Whether an upstream of this name stands for many hosts."""
    return "*" in name


def parse_upstream_name(value: object) -> str:
    """A registry's name, or a pattern of such names; lower case. ValueError for everything else."""
    if not isinstance(value, str) or not is_pattern(value):
        return parse_registry(value)
    name = value.strip().lower()
    host = name.partition(":")[0]
    labels = host.split(".")
    if len(labels) < 3 or "**" in name or any(map(is_pattern, labels[-2:])) or is_pattern(name[len(host) :]):
        raise ValueError(_WORDS)
    try:
        parse_registry(name.replace("*", "a"))
    except ValueError:
        raise ValueError(_WORDS) from None
    return name


def matches(pattern: str, host: str) -> bool:
    """Whether `host`, in lower case and with a port where the pattern has one, is one that `pattern` stands for."""
    try:
        return _compiled(pattern).fullmatch(host) is not None and parse_registry(host) == host
    except ValueError:
        return False


def best(patterns: Iterable[str], host: str) -> str | None:
    """Of the patterns that stand for `host` the one that says most of it: the most letters that are not `*`.

    Of several that say as much, the one that was written first.
    """
    fitting = [pattern for pattern in patterns if matches(pattern, host)]
    return max(fitting, key=lambda pattern: len(pattern) - pattern.count("*"), default=None)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile("[a-z0-9-]{1,63}".join(map(re.escape, pattern.split("*"))), re.ASCII)
